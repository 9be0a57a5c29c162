"""The page's words: names from outside cannot become markup, and the model's limits are told."""

import dataclasses
import re

from core.age_reader import PresentAge
from core.generator import Generator, GeneratorConfig
from demo import words
from tests.models import info_of, random_estimator


def tiny_generator() -> Generator:
    return Generator(
        GeneratorConfig(size_px=32, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16)
    )


def test_a_sentence_cannot_become_markup() -> None:
    said = words.trouble("<img src=x onerror=alert(1)> is not a picture")
    assert "<img" not in said and "&lt;img" in said and 'role="alert"' in said


def test_the_present_age_is_told_and_faces_are_counted() -> None:
    one = words.present(PresentAge(years=30.6), 1, ())
    assert "One face found." in one and ">31</b>" in one and "expect less" not in one
    many = words.present(PresentAge(years=30.6), 3, ("tiny", "profile"))
    assert "3 faces found" in many and "very small and seen from the side" in many


def test_the_interval_is_told_where_there_is_one() -> None:
    age = PresentAge(years=34.2, interval_years=(27.6, 41.4))
    said = re.sub("<[^>]*>", "", words.present(age, 1, ()))
    assert said == "One face found. It reads as about 34 (28–41) today."
    assert "(" not in words.present(PresentAge(years=34.2), 1, ())


def test_the_estimator_is_named_with_its_terms_where_there_is_one() -> None:
    generator, reader = (
        dataclasses.replace(info_of(network), name=name, licence=f"terms of <{name}>")
        for network, name in ((tiny_generator(), "maker"), (random_estimator(), "reader"))
    )
    assert "Ages read by <b>reader</b>" in words.footer(generator, reader, "embedded", "float32")
    assert "Ages read by" not in words.footer(generator, None, "embedded", "float32")
    told = words.limits(generator, reader)
    assert "terms of &lt;maker&gt;" in told and "terms of &lt;reader&gt;" in told and "range in brackets" in told
    assert "range in brackets" not in words.limits(generator, None)


def test_a_model_that_reads_no_age_claims_none() -> None:
    assert "reads as" not in words.present(None, 1, ())
    assert "about" not in words.showing("20-29", None)


def test_progress_counts_up() -> None:
    assert 'max="10" value="0"' in words.progress(0, 10, "")
    last = words.progress(10, 10, "70+")
    assert 'value="10"' in last and "10 of 10" in last and "70+" in last


def test_nothing_the_page_says_is_fetched_from_elsewhere() -> None:
    assert not re.search(r"https?://", words.HEADER + words.WELCOME)
