"""Pairs drawn, looked at page by page, judged; and a generated face held against the real one: on the sample."""

import numpy as np
import pytest

from cafdata.catalogue import Catalogue, FolderFiles
from cafdata.sample import SAMPLE
from core.detect import open_pack
from core.images import Photo
from core.thresholds import Cell
from core.verification import Verification
from demo.dataset import pairing
from demo.dataset.pairing import PairQuery, SeenPair
from demo.dataset.recognition import Comparison, Recognition
from tests.make_archive import drawn_picture


class Counting(Recognition):
    """The real recogniser, and how often it was asked."""

    num_embedded = 0

    def embedding(self, photo: Photo):  # type: ignore[no-untyped-def]
        self.num_embedded += 1
        return super().embedding(photo)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(FolderFiles(SAMPLE))


@pytest.fixture(scope="module")
def recognition() -> Counting:
    return Counting(open_pack("embedded"))


def test_pairs_are_of_the_kind_that_was_asked_for(catalogue: Catalogue) -> None:
    for same in (True, False):
        search = pairing.begin(catalogue, PairQuery(same=same, gap_years=(20, 30)))
        assert search.pairs and search.num_available >= len(search.pairs)
        records = [catalogue.records(pair) for pair in search.pairs[:50]]
        assert all((one.person_id == other.person_id) == same for one, other in records)
        assert all(20 <= other.age_years - one.age_years < 30 for one, other in records)
        assert all(one.age_min_years >= 18 for one, _ in records), "adults unless asked otherwise"
    with_children = pairing.begin(catalogue, PairQuery(same=True, gap_years=(0, 131), adults_only=False))
    assert with_children.num_available > 600 and with_children.embeddings == {}


def test_faces_are_embedded_once_and_only_for_what_is_looked_at(catalogue: Catalogue, recognition: Counting) -> None:
    search = pairing.begin(catalogue, PairQuery(same=True, gap_years=(0, 131)))
    recognition.num_embedded = 0
    *_, page = pairing.look(recognition, search)
    assert len(page) == pairing.A_PAGE == search.position
    assert recognition.num_embedded == len(search.embeddings) <= 2 * pairing.A_PAGE
    assert all(seen.comparison is not None and -1 <= seen.comparison.score <= 1 for seen in page)
    assert all(seen.photo.shape == (224, 456, 3) for seen in page)
    *_, second = pairing.look(recognition, search)
    shown = [tuple(record.picture_id for record in seen.records) for seen in (*page, *second)]
    assert len(set(shown)) == len(shown) and search.position == 12


def verified(score: float, threshold: float | None, one_size: float | None) -> Comparison:
    cell = None if threshold is None else Cell(
        younger=5, older=8, threshold=threshold, low=threshold - 0.02, high=threshold + 0.02, method="empirical"
    )  # fmt: skip
    found = Verification(recogniser="r", score=score, highest_score=1, ages_years=(25, 60), groups=(5, 8),
                         false_accept_rate=0.001, one_size_threshold=one_size, cell=cell)  # fmt: skip
    return Comparison(score=score, verification=found)


@pytest.mark.parametrize(
    ("score", "threshold", "one_size", "same", "differ", "doubtful"),
    [
        (0.9, 0.5, 0.7, True, False, False),
        (0.6, 0.5, 0.7, True, True, False),
        (0.51, 0.5, 0.7, True, True, True),  # within the band
        (0.3, 0.5, 0.7, True, False, True),
        (0.9, 0.5, 0.7, False, False, True),
        (0.3, 0.5, None, False, False, False),
        (0.3, None, 0.7, False, False, False),
    ],
)
def test_what_differs_and_what_is_doubtful(
    score: float, threshold: float | None, one_size: float | None, same: bool, differ: bool, doubtful: bool
) -> None:
    records = (drawn_picture(0, 25).record, drawn_picture(0, 60).record)
    comparison = verified(score, threshold, one_size)
    seen = SeenPair(records=records, photo=np.zeros((1, 1, 3), np.uint8), same=same, comparison=comparison)
    assert (seen.differ, seen.doubtful) == (differ, doubtful)
    assert seen.fits("all") and seen.fits("differ") == differ and seen.fits("doubtful") == doubtful


def test_a_pair_without_a_face_has_no_verdict() -> None:
    records = (drawn_picture(0, 25).record, drawn_picture(0, 60).record)
    seen = SeenPair(records=records, photo=np.zeros((1, 1, 3), np.uint8), same=True, comparison=None)
    assert not seen.differ and not seen.doubtful


def test_two_shapes_side_by_side() -> None:
    sheet = pairing.beside(np.full((224, 100, 3), 10, np.uint8), np.full((50, 224, 3), 20, np.uint8))
    assert (sheet[:, :224] == 10).sum() == 224 * 100 * 3 and (sheet[:, 232:] == 20).sum() == 50 * 224 * 3
