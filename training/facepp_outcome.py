"""What became of one question to Face++: a number, or a named reason why there is none."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from core.cells import text_cell
from training.facepp import Method, Reply

Status = Literal["ok", "no_face", "api_error", "gave_up", "unusable", "no_original", "not_asked"]
"""ok: a number. no_face: the service found none. api_error: it named an error. gave_up: no answer in all tries.
unusable: the picture was not sent. no_original: nothing to compare with. not_asked: stopped, or no budget."""

HIGHEST: Final[Mapping[Method, float]] = {"detect": 150.0, "compare": 100.0}
"""Largest number that can be meant: years, and the service's confidence."""
PICTURE_ERRORS: Final = ("IMAGE_ERROR", "INVALID_IMAGE", "IMAGE_FILE_TOO_LARGE", "REQUEST_ENTITY_TOO_LARGE")
"""How the errors begin that the same picture would meet again."""
MARGINS: Final = ("1e-3", "1e-4", "1e-5")
"""False-accept rates for which the service names thresholds."""
MAX_ID_LETTERS: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The end of one question."""

    key: str
    """Which question: the method and the sha256 of each picture."""
    status: Status
    """How it ended."""
    value: float | int | None = None
    """Years, or confidence 0..100; None unless the status is ok."""
    error: str = ""
    """The service's error message or another reason."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else the answer held: its id, how many faces, the service's own thresholds of that moment."""

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise ValueError(f"status is one of {', '.join(get_args(Status))}, got {self.status!r}")
        if (self.status == "ok") != is_number(self.value, math.inf):
            raise ValueError(f"a number stands with the status ok and with no other, got {self.status}, {self.value!r}")

    @property
    def is_settled(self) -> bool:
        """True where asking again would only pay again."""
        return self.status in ("ok", "no_face") or (
            self.status == "api_error" and self.error.startswith(PICTURE_ERRORS)
        )

    @property
    def cell(self) -> str:
        """The status and, where there is one, the reason, for a table or a terminal."""
        return text_cell(f"{self.status}: {self.error}") if self.error else self.status


def is_number(value: object, highest: float) -> bool:
    """True for a finite number from 0 up to `highest`; JSON's true and null are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= highest and value < math.inf


def outcome_of(key: str, method: Method, reply: Reply) -> Outcome:
    """Read the last reply to a question."""
    if reply.is_passing:
        return Outcome(key=key, status="gave_up", error=reply.error)
    if reply.error:
        return Outcome(key=key, status="api_error", error=reply.error)
    return read_age(key, reply.body) if method == "detect" else read_confidence(key, reply.body)


def read_age(key: str, body: Mapping[str, Any]) -> Outcome:
    """Years of the first face in an answer of detect."""
    faces = body.get("faces")
    if not isinstance(faces, list):
        return odd(key, "faces", faces)
    details = {**id_of(body), "faces": len(faces)}
    if not faces:
        return Outcome(key=key, status="no_face", details=details)
    value: object = faces[0]
    for name in ("attributes", "age", "value"):
        value = value.get(name) if isinstance(value, dict) else None
    return finished(key, "detect", "age", value, details)


def read_confidence(key: str, body: Mapping[str, Any]) -> Outcome:
    """Confidence of an answer of compare; it is absent where a picture holds no face."""
    numbers = {name: len(body[name]) for name in ("faces1", "faces2") if isinstance(body.get(name), list)}
    details = {**id_of(body), **numbers}
    thresholds = body.get("thresholds")
    if isinstance(thresholds, dict):
        details["thresholds"] = {name: thresholds[name] for name in MARGINS if is_number(thresholds.get(name), 100.0)}
    value = body.get("confidence")
    without = [number for name, number in (("faces1", "first"), ("faces2", "second")) if numbers.get(name) == 0]
    if value is None and without:
        return Outcome(key=key, status="no_face", error=f"in the {' and the '.join(without)} picture", details=details)
    return finished(key, "compare", "confidence", value, details)


def finished(key: str, method: Method, name: str, value: object, details: Mapping[str, Any]) -> Outcome:
    """Outcome with the number that the answer holds, if it is one that can be meant."""
    if not is_number(value, HIGHEST[method]):
        return odd(key, name, value)
    assert isinstance(value, int | float)
    return Outcome(key=key, status="ok", value=value, details=details)


def odd(key: str, name: str, value: object) -> Outcome:
    """Outcome of an answer that is not as documented."""
    return Outcome(key=key, status="api_error", error=f"the answer holds no {name} but {str(value)[:40]}")


def id_of(body: Mapping[str, Any]) -> dict[str, str]:
    """The service's name for the request, to be quoted to its support."""
    given = body.get("request_id")
    return {"request_id": given[:MAX_ID_LETTERS]} if isinstance(given, str) else {}
