"""People a page at a time, one person by age, pictures for the screen: small, bare, labelled where they were made."""

from pathlib import Path

import numpy as np
import pytest

from cafdata.archive import Archive
from cafdata.catalogue import Catalogue, FolderFiles, Query
from core.images import encode_png
from demo.dataset import browsing
from tests.make_archive import drawn_picture, make_archive, picture_of


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Forty-three people; of the last one, fifty pictures."""
    archive = make_archive(tmp_path_factory.mktemp("a") / "archive", 42)
    archive.append([drawn_picture(42, age) for age in range(20, 70)])
    return Catalogue(FolderFiles(archive.folder))


def test_pages_hold_everybody_once(catalogue: Catalogue) -> None:
    pages = [browsing.people(catalogue, Query(), number) for number in range(3)]
    assert [len(page.tiles) for page in pages] == [20, 20, 3] and {page.num_pages for page in pages} == {3}
    names = [tile.record.person_id for page in pages for tile in page.tiles]
    assert len(set(names)) == 43 == pages[0].num_people and pages[0].num_pictures == 42 * 6 + 50
    assert all(tile.record.age_years == 25 for tile in pages[0].tiles), "the picture nearest to 30"
    assert browsing.people(catalogue, Query(), 99).number == 2 and browsing.people(catalogue, Query(), -1).number == 0


def test_nobody_fits(catalogue: Catalogue) -> None:
    page = browsing.people(catalogue, Query(text="nobody"), 0)
    assert page.tiles == () and page.num_people == 0 and page.num_pages == 1


def test_of_very_many_pictures_evenly_spread_ones(catalogue: Catalogue) -> None:
    one = browsing.person(catalogue, "person-00042")
    ages = [tile.record.age_years for tile in one.tiles]
    assert one.num_pictures == 50 and len(ages) == browsing.MAX_OF_ONE and ages == sorted(ages)
    assert (ages[0], ages[-1]) == (20, 69)
    assert browsing.record_shown(catalogue, "person-00042", 3) == one.tiles[3].record


def test_a_made_picture_is_labelled_and_a_large_one_shrunk() -> None:
    photo = np.full((900, 600, 3), 90, np.uint8)
    record = picture_of(encode_png(photo), photo, "a", "b", 30).record
    taken = browsing.shown(photo, record)
    assert taken.shape == (224, 149, 3) and np.array_equal(np.unique(taken), [90])
    made = picture_of(encode_png(photo), photo, "a", "b", 30, {"is_synthetic": True}).record
    assert len(np.unique(browsing.shown(photo, made))) > 10


def test_what_is_no_picture_is_a_grey_one(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "a")
    archive.append([picture_of(b"not a picture", np.zeros((9, 9, 3), np.uint8), "a", "b", 30)])
    (tile,) = browsing.person(Catalogue(FolderFiles(archive.folder)), "b").tiles
    assert not tile.is_there and tile.photo.shape == browsing.nothing().shape


def test_ages_as_people_write_them() -> None:
    point, span = (
        drawn_picture(0, 24, age_min_years=low, age_max_years=high).record for low, high in ((24, 24.5), (20, 28))
    )
    assert (browsing.years(point), browsing.years(span)) == ("24", "20–28")
    assert browsing.is_minor(drawn_picture(0, 20, age_min_years=17.0).record) and not browsing.is_minor(span)
