"""Answers of Face++ read: a number is a number, and everything else has a name."""

import json
from typing import Any

import pytest

from training.facepp import Reply
from training.facepp_outcome import Outcome, outcome_of

THRESHOLDS = {"1e-3": 62.327, "1e-4": 69.101, "1e-5": 73.975}


def age(value: Any) -> dict[str, Any]:
    return {"faces": [{"attributes": {"age": {"value": value}}}], "request_id": "7,a"}


def read(method: Any, body: dict[str, Any]) -> Outcome:
    return outcome_of("k", method, Reply(http_status=200, body=body))


def test_an_age_is_that_of_the_first_face() -> None:
    body = age(31) | {"faces": age(31)["faces"] + age(62)["faces"]}
    outcome = read("detect", body)
    assert (outcome.status, outcome.value, outcome.cell) == ("ok", 31, "ok")
    assert outcome.details == {"request_id": "7,a", "faces": 2}
    assert outcome.is_settled


@pytest.mark.parametrize("value", [None, True, "31", -1, 151, float("inf"), [], {"value": 3}])
def test_what_is_no_age_is_never_written_as_one(value: object) -> None:
    outcome = read("detect", age(value))
    assert (outcome.status, outcome.value) == ("api_error", None)
    assert outcome.error.startswith("the answer holds no age but ")
    assert not outcome.is_settled, "a later run may ask again"


@pytest.mark.parametrize("body", [{}, {"faces": None}, {"faces": "no"}, {"faces": 3}])
def test_an_answer_without_faces_is_odd(body: dict[str, Any]) -> None:
    assert read("detect", body).error.startswith("the answer holds no faces but ")


@pytest.mark.parametrize("faces", [[None], [{}], [{"attributes": None}], [{"attributes": {"age": 31}}], [[31]]])
def test_a_face_without_an_age_is_odd(faces: list[Any]) -> None:
    assert read("detect", {"faces": faces}).status == "api_error"


def test_no_face_is_an_answer() -> None:
    outcome = read("detect", {"faces": []})
    assert (outcome.status, outcome.value, outcome.is_settled) == ("no_face", None, True)


def test_a_confidence_comes_with_the_thresholds_of_that_moment() -> None:
    body = {"confidence": 87.123, "thresholds": {**THRESHOLDS, "1e-9": 99.0}, "faces1": [1], "faces2": [1, 2]}
    outcome = read("compare", body)
    assert (outcome.status, outcome.value) == ("ok", 87.123)
    assert outcome.details == {"faces1": 1, "faces2": 2, "thresholds": THRESHOLDS}


def test_broken_thresholds_do_not_spoil_a_confidence() -> None:
    assert read("compare", {"confidence": 1.5, "thresholds": {"1e-3": None}}).details == {"thresholds": {}}
    assert read("compare", {"confidence": 1.5, "thresholds": [1]}).value == 1.5


@pytest.mark.parametrize(
    ("faces1", "faces2", "cell"),
    [
        ([], [1], "no_face: in the first picture"),
        ([1], [], "no_face: in the second picture"),
        ([], [], "no_face: in the first and the second picture"),
    ],
)
def test_without_a_face_there_is_no_confidence(faces1: list[int], faces2: list[int], cell: str) -> None:
    assert read("compare", {"faces1": faces1, "faces2": faces2}).cell == cell


@pytest.mark.parametrize("value", [None, False, "87", -0.1, 100.1])
def test_what_is_no_confidence_is_never_written_as_one(value: object) -> None:
    outcome = read("compare", {"confidence": value, "faces1": [1], "faces2": [1]})
    assert (outcome.status, outcome.value) == ("api_error", None)


def test_errors_keep_their_names_and_only_a_picture_s_own_are_final() -> None:
    def of(status: int | None, error: str) -> Outcome:
        return outcome_of("k", "detect", Reply(http_status=status, error=error))

    assert of(400, "INVALID_IMAGE_SIZE:image_file").cell == "api_error: INVALID_IMAGE_SIZE:image_file"
    assert of(400, "INVALID_IMAGE_SIZE:image_file").is_settled
    assert of(413, "REQUEST_ENTITY_TOO_LARGE").is_settled
    assert not of(400, "BAD_ARGUMENTS:return_attributes").is_settled
    assert of(None, "ReadTimeout").cell == "gave_up: ReadTimeout"
    assert not of(None, "ReadTimeout").is_settled


def test_a_reason_shows_what_would_act_upon_a_table_or_a_terminal() -> None:
    outcome = Outcome(key="k", status="unusable", error="\x1b[2J\r\n=1\u202e.png is no file")
    assert outcome.cell == r"unusable: \x1b[2J\r\n=1\u202e.png is no file"


def test_an_outcome_is_ok_with_a_number_only() -> None:
    for status, value in (("ok", None), ("ok", True), ("no_face", 3.0), ("gave_up", 0)):
        with pytest.raises(ValueError, match="number"):
            Outcome(key="k", status=status, value=value)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'fine'"):
        Outcome(key="k", status="fine")  # type: ignore[arg-type]


def test_long_and_deep_answers_leave_short_outcomes() -> None:
    body = age("x" * 10_000) | {"request_id": "r" * 10_000}
    outcome = read("detect", body)
    assert len(json.dumps(outcome.details)) + len(outcome.cell) < 400
