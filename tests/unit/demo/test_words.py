"""The page's words: names from outside cannot become markup, and the model's limits are told."""

import re

from demo import words


def test_a_sentence_cannot_become_markup() -> None:
    said = words.trouble("<img src=x onerror=alert(1)> is not a picture")
    assert "<img" not in said and "&lt;img" in said and 'role="alert"' in said


def test_the_present_age_is_told_and_faces_are_counted() -> None:
    one = words.present(30.6, 1, ())
    assert "One face found." in one and ">31</b>" in one and "expect less" not in one
    many = words.present(30.6, 3, ("tiny", "profile"))
    assert "3 faces found" in many and "very small and seen from the side" in many


def test_a_model_that_reads_no_age_claims_none() -> None:
    assert "reads as" not in words.present(None, 1, ())
    assert "about" not in words.showing("20-29", None)


def test_progress_counts_up() -> None:
    assert 'max="10" value="0"' in words.progress(0, 10, "")
    last = words.progress(10, 10, "70+")
    assert 'value="10"' in last and "10 of 10" in last and "70+" in last


def test_nothing_the_page_says_is_fetched_from_elsewhere() -> None:
    assert not re.search(r"https?://", words.HEADER + words.WELCOME)
