"""What is said of two faces: both verdicts by icon and word, and never more than is known."""

import re

import pytest

from core.thresholds import ThresholdTable
from core.verification import Verification, verify_score
from demo.language import Language
from demo.verify import words
from demo.verify.evidence import Share, Source, source_named
from demo.verify.pairing import StripScore
from demo.verify.terms import bounded, exactly, groups_text, percent

SAY = Language("en")
FACEPP, DLIB = source_named("facepp-statistics"), source_named("dlib_resnet_v1")


def seen_by(source: Source, score: float, ages: tuple[float, float]) -> tuple[Verification, ThresholdTable]:
    table = source.table(0.001)
    return verify_score(score, ages, table), table


def plain(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", html).split())


def card(html: str, elem_id: str) -> str:
    return html.split(f'id="{elem_id}"')[1].split("</section>")[0]


def test_two_verdicts_that_differ_stand_side_by_side() -> None:
    seen, table = seen_by(FACEPP, 75, (24, 75))
    told = words.result(SAY, FACEPP, seen, table, False)
    one_size, rectified = card(told, "verify-one-size"), card(told, "verify-rectified")
    assert 'class="verify-card no"' in one_size and "Not the same" in one_size and words.ICONS[False] in one_size
    assert 'class="verify-card yes"' in rectified and "Same person" in rectified and words.ICONS[True] in rectified
    assert "One threshold for all ages, 92.3, would have turned them away." in plain(told)
    assert "Of strangers of these ages one pair in 1,000 scores 60.5 or more." in plain(told)
    assert "Of real pairs of one person at these ages 92 % pass." in plain(told)
    assert "Gap 51 years" in plain(told) and '<data id="verify-score" value="75.0">' in told
    assert "two photos of one person would score less" not in told
    assert "two photos of one person would score less" in words.result(SAY, FACEPP, seen, table, True)


def test_babies_who_would_have_passed() -> None:
    seen, _ = seen_by(DLIB, 0.97, (1, 2))
    told = plain(" ".join(words.sentences(SAY, seen, False)))
    assert told.startswith("At ages 1 and 2 these two are not alike enough")
    assert "would have called them one person" in told and "was not measured for this recogniser" in told


def test_a_score_in_the_band_could_go_either_way() -> None:
    cell = DLIB.table(0.001).cell(5, 9)
    assert cell is not None and cell.low is not None and cell.threshold is not None
    for score, is_open in (((cell.low + cell.threshold) / 2, True), (0.999, False)):
        seen, _ = seen_by(DLIB, score, (24, 75))
        assert ("could go either way" in " ".join(words.sentences(SAY, seen, False))) == is_open


def test_no_score_reaches_a_threshold_above_the_scale() -> None:
    seen, _ = seen_by(FACEPP, 100, (1, 2))
    told = " ".join(words.sentences(SAY, seen, False))
    assert "no score can say" in told and "scores 102" not in told


def test_where_there_is_no_threshold_there_is_no_verdict() -> None:
    paper = source_named("facepp-paper")
    seen = verify_score(80, (1, 2), paper.tables[0])
    assert words.sentences(SAY, seen, False) == [
        "No verdict: there is no threshold for these two ages, and none is guessed."
    ]
    told = words.result(SAY, paper, seen, paper.tables[0], False)
    assert told.count('class="verify-card open"') == 2 and "Same person" not in told
    unknown = words.no_tables(SAY, "<mine>", 0.5)
    assert "no thresholds for the recogniser &lt;mine&gt;" in unknown and 'value="0.5"' in unknown
    assert "Same person" not in unknown and "Not the same" not in unknown


def test_the_strip_has_a_row_an_age() -> None:
    table = DLIB.table(0.001)
    rows = [
        (StripScore(group=9, name="70", years=77, score=0.92), verify_score(0.92, (24, 77), table)),
        (StripScore(group=9, name="70+", years=77, score=0.95), verify_score(0.95, (24, 77), table)),
        (StripScore(group=0, name="0-2", years=1, score=None), None),
    ]
    told = words.strip_table(SAY, rows)
    assert told.count('<th scope="row">') == 3 and "no face found" in told
    assert "not the same" in told and "0.903–0.921</td>" in told
    assert told.count("(it could go either way)") == 1


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.00017, "0.017 %"), (0.001, "0.1 %"), (0.0213, "2.1 %"), (0.46, "46 %"), (1, "100 %")],
)
def test_percent(share: float, text: str) -> None:
    assert percent(SAY, share) == text
    assert exactly(SAY, share) == f'<data value="{share!r}">{text}</data>'


def test_bounds_are_told_as_bounds() -> None:
    told = [plain(bounded(SAY, Share(low=low, high=high))) for low, high in
            ((0.009, 0.999), (0, 0.0001), (0.0009, 0.001), (0.05, 0.05))]  # fmt: skip
    assert told == ["at least 0.9 %", "at most 0.01 %", "0.09–0.1 %", "5.0 %"]


def test_groups_are_named_younger_first() -> None:
    assert groups_text(SAY, 9, 5) == "20–29 and 70+" and groups_text(SAY, 3, 3) == "10–14"
