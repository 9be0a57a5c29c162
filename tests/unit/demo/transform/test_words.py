"""The Transform tab's words: names from outside cannot become markup, and the model's limits are told."""

import dataclasses
import re

from core.age_reader import PresentAge
from core.generator import Generator, GeneratorConfig
from demo.language import Language
from demo.transform import words
from tests.models import info_of, random_estimator

SAY = Language("en")


def tiny_generator() -> Generator:
    return Generator(
        GeneratorConfig(size_px=32, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16)
    )


def test_the_present_age_is_told_and_faces_are_counted() -> None:
    one = words.present(SAY, PresentAge(years=30.6), 1, ())
    assert "One face found." in one and ">30</b>" in one and "expect less" not in one
    many = words.present(SAY, PresentAge(years=30.6), 3, ("tiny", "profile"))
    assert "3 faces found" in many and "very small, seen from the side" in many


def test_the_interval_is_told_where_there_is_one() -> None:
    age = PresentAge(years=34.2, interval_years=(27.6, 41.4))
    said = re.sub("<[^>]*>", "", words.present(SAY, age, 1, ()))
    assert said == "One face found. It reads as about 34 (27–41) today."
    assert "(" not in words.present(SAY, PresentAge(years=34.2), 1, ())


def test_the_estimator_is_named_with_its_terms_where_there_is_one() -> None:
    generator, reader = (
        dataclasses.replace(info_of(network), name=name, licence=f"terms of <{name}>")
        for network, name in ((tiny_generator(), "maker"), (random_estimator(), "reader"))
    )
    told = words.limits(SAY, generator, reader)
    assert "terms of &lt;maker&gt;" in told and "terms of &lt;reader&gt;" in told and "range in brackets" in told
    assert "range in brackets" not in words.limits(SAY, generator, None)


def test_a_model_that_reads_no_age_claims_none() -> None:
    assert "reads as" not in words.present(SAY, None, 1, ())
    assert "about" not in words.showing(SAY, "20-29", None)


def test_progress_counts_up() -> None:
    assert 'max="10" value="0"' in words.progress(SAY, 0, 10, "")
    last = words.progress(SAY, 10, 10, "70+")
    assert 'value="10"' in last and "10 of 10" in last and "70+" in last
