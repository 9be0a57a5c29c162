"""A score among the archive's own pairs of one person: of the same groups, else of such a gap; else nothing is said."""

from itertools import combinations

import pytest

from cafdata.archive import Archive
from cafdata.catalogue import Catalogue, FolderFiles
from core.align import Photo
from core.detect import open_pack
from core.identity import Embedding, unit
from demo.dataset.ranking import rank
from demo.dataset.recognition import Recognition
from tests.make_archive import drawn_pictures


class Brightness(Recognition):
    """A recogniser that needs no face: drawn ones have none that a detector would find."""

    table = None

    def embedding(self, photo: Photo) -> Embedding | None:
        return unit([photo[..., channel].mean() for channel in range(3)])


@pytest.fixture(scope="module")
def recognition() -> Brightness:
    return Brightness(open_pack("embedded"))


def catalogue_of(folder: str, num_people: int, tmp: pytest.TempPathFactory) -> Catalogue:
    archive = Archive.create(tmp.mktemp(folder) / "a")
    archive.append(drawn_pictures(num_people))
    return Catalogue(FolderFiles(archive.folder))


def test_thirty_pairs_of_the_same_groups(recognition: Brightness, tmp_path_factory: pytest.TempPathFactory) -> None:
    catalogue = catalogue_of("many", 45, tmp_path_factory)
    low, high = (list(rank(catalogue, recognition, score, (37.0, 25.0), adults_only=True))[-1] for score in (-1.0, 1.1))
    assert (low.count, low.below, high.count, high.below) == (30, 0, 30, 30)
    assert high.groups == ("20-29", "30-39") and high.is_enough


def test_too_few_of_the_groups_then_of_the_gap(
    recognition: Brightness, tmp_path_factory: pytest.TempPathFactory
) -> None:
    catalogue = catalogue_of("few", 12, tmp_path_factory)
    gaps = [abs(one - other) for one, other in combinations((25, 37, 48, 66), 2)]
    last = list(rank(catalogue, recognition, 1.1, (25.0, 37.0), adults_only=True))[-1]
    assert 12 * sum(7 <= gap < 17 for gap in gaps) == 24, "not enough without children, so a wider gap"
    assert last.groups is None and last.gap_years == (2.0, 22.0) and last.count == last.below == 30
    with_children = list(rank(catalogue, recognition, 1.1, (25.0, 37.0), adults_only=False))[-1]
    assert with_children.gap_years == (7.0, 17.0) and with_children.is_enough
    none = list(rank(catalogue, recognition, 1.1, (20.0, 100.0), adults_only=True))
    assert len(none) == 1 and (none[0].count, none[0].is_enough) == (0, False)
