"""Every file of the corpus through the one decoder: the right pixels, or one sentence."""

import re
import time

import numpy as np
import pytest

from core.decoding import DecodeLimits
from core.errors import BadImage
from core.images import decode_photo, encode_jpeg, encode_png
from tests.honest_pictures import CANARY, Case, Pixels, exif, saved, scene
from tests.hostile_pictures import corpus

CORPUS = corpus()


def test_corpus_is_large_and_its_names_are_unique() -> None:
    assert len(CORPUS) >= 150
    assert len({name for name, _, _ in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("case", CORPUS, ids=[name for name, _, _ in CORPUS])
def test_corpus(case: Case) -> None:
    _, data, outcome = case
    if isinstance(outcome, Pixels):
        photo = decode_photo(data)
        assert photo.dtype == np.uint8
        assert photo.shape == outcome.photo.shape
        error = np.abs(photo.astype(float) - outcome.photo)
        assert error.mean() <= outcome.mean_error
        return
    with pytest.raises(BadImage) as caught:
        decode_photo(data)
    sentence = str(caught.value)
    assert re.search(outcome.says, sentence)
    assert re.fullmatch(r"This (picture|file) [^\n]{20,140}\.", sentence)
