"""What comes back from the server, checked: a label or a decision, or a sentence that says why it is none.

The server takes any value under any name (an age of -5, of 1e9, "abc", a list), so nothing is believed here: each
answer has to be one that the page can give, of somebody who has an account, about a task that we made.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cafdata import fields
from cafdata.record import AgeLabel, Verdict
from core.cells import visible
from curation.labelling import page

MAX_SHOWN: Final = 60
"""Letters of a refused value that are repeated."""
TYPES: Final = {page.AGE: "number", page.PROBLEM: "choices", page.CONFIDENCE: "rating", page.DECISION: "choices"}
"""Control -> the kind of result that Label Studio makes of it, which is also where its value lies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """An answer that is not taken."""

    task: int
    """Number of the task on the server."""
    annotation: int
    """Number of the answer on the server; 0 where the task itself is at fault."""
    reason: str
    """What is wrong with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One answer of one person, with what the page asked for."""

    task: int
    annotation: int
    annotator: int
    """Number of the person on the server."""
    answered_at: str
    """ISO 8601, UTC, to the second."""
    values: Mapping[str, Any]
    """Control -> number, word or stars, as they came."""


def answers(task: Mapping[str, Any], user_ids: Collection[int], refused: list[Refused]) -> list[Answer]:
    """The answers to one task, oldest first; those that cannot be are appended to `refused`.

    Args:
        task: as `client.tasks` gives it, with labels.
        user_ids: who has an account.
    """
    number = _number_of(task.get("id"))
    found = []
    given = task.get("annotations")
    for annotation in given if isinstance(given, list) else []:
        if not isinstance(annotation, Mapping) or annotation.get("was_cancelled") is True:
            continue
        try:
            found.append(_answer(number, annotation, user_ids))
        except ValueError as error:
            name = _number_of(annotation.get("id"))
            refused.append(Refused(task=number, annotation=name, reason=shown(error)))
    return sorted(found, key=lambda one: (one.answered_at, one.annotation))


def age_label(answer: Answer, role: str) -> AgeLabel:
    """An answer of the ages page as a label. A reason why there is no age outweighs what stands in the hidden field.

    Args:
        role: "annotator" or "adjudicator"; with the person's number it makes the annotator's name.
    Raises:
        ValueError: not what the page can give.
    """
    _only(answer.values, (page.AGE, page.PROBLEM, page.CONFIDENCE))
    confidence = answer.values.get(page.CONFIDENCE)
    if confidence is not None:
        fields.whole("confidence", confidence, 1, page.STARS)
    verdict: Verdict = "age"
    age_years = None
    if page.PROBLEM in answer.values:
        verdict = _word(answer.values[page.PROBLEM], page.PROBLEMS)  # type: ignore[assignment]
    elif page.AGE in answer.values:
        fields.number("age", answer.values[page.AGE], 0, fields.OLDEST_YEARS)
        age_years = float(answer.values[page.AGE])
    else:
        raise ValueError("neither an age nor a reason why there is none")
    return AgeLabel(
        annotator=f"{role}-{answer.annotator}",
        verdict=verdict,
        age_years=age_years,
        confidence=confidence,
        labelled_at=answer.answered_at,
    )


def decision(answer: Answer, words: Mapping[str, str]) -> str:
    """An answer of a review page as a decision of the queue. Raises ValueError for what the page cannot give."""
    _only(answer.values, (page.DECISION,))
    if page.DECISION not in answer.values:
        raise ValueError("no decision")
    return _word(answer.values[page.DECISION], words)


def shown(value: object) -> str:
    """A short text of anything, without letters that hide or act."""
    text = visible(str(value))
    return text if len(text) <= 4 * MAX_SHOWN else text[: 4 * MAX_SHOWN] + "..."


def _answer(task: int, annotation: Mapping[str, Any], user_ids: Collection[int]) -> Answer:
    annotator = annotation.get("completed_by")
    if isinstance(annotator, bool) or not isinstance(annotator, int) or annotator not in user_ids:
        raise ValueError(f"no person of this server made it: {_short(annotator)}")
    at = annotation.get("updated_at") or annotation.get("created_at")
    fields.timestamp("the time of it", at)
    moment = datetime.fromisoformat(str(at)).astimezone(UTC)
    return Answer(
        task=task,
        annotation=_number_of(annotation.get("id")),
        annotator=annotator,
        answered_at=moment.isoformat(timespec="seconds"),
        values=_values(annotation.get("result")),
    )


def _values(result: object) -> dict[str, Any]:
    """Control -> value, of a list of Label Studio's results."""
    if not isinstance(result, list):
        raise ValueError(f"its result is no list: {_short(result)}")
    values: dict[str, Any] = {}
    for one in result:
        name = one.get("from_name") if isinstance(one, Mapping) else None
        if not isinstance(name, str) or name not in TYPES:
            raise ValueError(f"the page has no control {_short(name)}")
        if name in values:
            raise ValueError(f"{name} was answered twice")
        value = one.get("value")
        if one.get("type") != TYPES[name] or not isinstance(value, Mapping) or TYPES[name] not in value:
            raise ValueError(f"{name} is no {TYPES[name]}: {_short(value)}")
        values[name] = value[TYPES[name]]
    return values


def _only(values: Iterable[str], names: Collection[str]) -> None:
    for name in values:
        if name not in names:
            raise ValueError(f"this page has no control {name}")


def _word(value: object, words: Mapping[str, str]) -> str:
    """What the one chosen word of a page stands for."""
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], str) or value[0] not in words:
        raise ValueError(f"one of {', '.join(words)} is chosen, got {_short(value)}")
    return words[value[0]]


def _number_of(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _short(value: object) -> str:
    return repr(value)[:MAX_SHOWN]
