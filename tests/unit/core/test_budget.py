"""The identity budget: real people's scores before strangers', and nothing said without a table."""

import dataclasses

import pytest
from skimage.data import astronaut

from core.aging import AgedFace, Target
from core.align import Photo
from core.budget import IdentityBudget, budget_of, of_cell
from core.detect import open_pack, portrait_box
from core.thresholds import QUANTILE_LEVELS, Cell, table_for

ASTRONAUT = astronaut()
STRANGERS = Cell(younger=2, older=8, threshold=0.4, method="fitted", num_different=100)
PEOPLE = dataclasses.replace(STRANGERS, same_quantiles=tuple(0.3 + level / 2 for level in QUANTILE_LEVELS))


def test_real_people_count_before_strangers() -> None:
    assert of_cell(STRANGERS) == (0.4, "strangers")
    limit, yardstick = of_cell(PEOPLE)
    assert limit == pytest.approx(0.325) and yardstick == "people"
    nothing = Cell(younger=2, older=8, threshold=None, method="too few pairs")
    assert of_cell(nothing) == (None, "none")


def test_a_ruined_face_leaves_the_band_and_the_same_face_stays() -> None:
    pack = open_pack("embedded")
    face = pack.detect(ASTRONAUT)[0]
    region = (slice(60, 190), slice(165, 285))
    area = portrait_box(face, ASTRONAUT.shape)

    def made(patch: Photo) -> AgedFace:
        target = Target(years=44.5, name="40-49")
        return AgedFace(target=target, face=patch, original=ASTRONAUT, patch=patch, region=region, portrait_area=area)

    ruined = ASTRONAUT[region][::-1]
    same, other = budget_of(pack).weigh([made(ASTRONAUT[region]), made(ruined)], face, 41)
    assert same.score == pytest.approx(1, abs=1e-6) and not same.has_left and same.yardstick == "strangers"
    assert other.has_left and other.limit == same.limit
    (unknown,) = IdentityBudget(pack, None).weigh([made(ruined)], face, 41)
    assert unknown.limit is None and not unknown.has_left


def test_a_table_of_another_recogniser_is_refused() -> None:
    with pytest.raises(ValueError, match="arcface"):
        IdentityBudget(open_pack("embedded"), table_for("arcface", None, 0.001))
