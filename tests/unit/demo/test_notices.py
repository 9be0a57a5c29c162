"""Notices: what comes from outside cannot become markup."""

from demo import notices


def test_a_sentence_cannot_become_markup() -> None:
    said = notices.trouble("<img src=x onerror=alert(1)> is not a picture")
    assert "<img" not in said and "&lt;img" in said and 'role="alert"' in said


def test_a_bar_says_how_much_of_what() -> None:
    said = notices.progress(3, 10, "3 of 10 <b>", 'Ages "made"')
    assert 'max="10" value="3"' in said and "&lt;b&gt;" in said and "Ages &quot;made&quot;" in said
