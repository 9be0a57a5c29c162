"""Every file of the corpus through the one decoder: the right pixels, or one sentence. Then mutations."""

import io
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from core.decoding import DecodeLimits, changes_colours
from core.errors import BadImage
from core.images import decode_photo, encode_gif, encode_jpeg, encode_png
from tests.honest_pictures import CANARY, Case, Pixels, chunk, exif, matrix_profile, png, png_rows, saved, scene
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
        assert np.abs(photo.astype(float) - outcome.photo).mean() <= outcome.mean_error
        return
    with pytest.raises(BadImage) as caught:
        decode_photo(data)
    sentence = str(caught.value)
    assert re.search(outcome.says, sentence)
    assert re.fullmatch(r"This (picture|file) [^\n]{20,140}\.", sentence)


def test_honest_colours_of_a_display_p3_picture() -> None:
    """Display P3's pure green lies outside sRGB and is clipped; a mid grey stays where it is."""
    swatch = np.zeros((16, 32, 3), np.uint8)
    swatch[:, :16] = 0, 255, 0
    swatch[:, 16:] = 128
    photo = decode_photo(saved(swatch, "PNG", icc_profile=matrix_profile()))
    assert photo[0, 0].tolist() == [0, 255, 0]
    assert np.abs(photo[0, 31].astype(int) - 128).max() <= 2


def test_a_transform_that_changes_nothing_is_known_as_such() -> None:
    srgb = ImageCms.createProfile("sRGB")
    p3 = ImageCms.ImageCmsProfile(io.BytesIO(matrix_profile()))
    assert not changes_colours(ImageCms.buildTransform(srgb, srgb, "RGB", "RGB"), "RGB")
    assert changes_colours(ImageCms.buildTransform(p3, srgb, "RGB", "RGB"), "RGB")


CONTAINERS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: saved(scene(), "JPEG", exif=exif(6), comment=CANARY, xmp=f"<x>{CANARY}</x>".encode()),
    "PNG": lambda: png(
        96,
        64,
        png_rows(scene()),
        more=chunk(b"eXIf", exif().tobytes()[6:])
        + chunk(b"tEXt", b"Author\0" + CANARY.encode())
        + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + CANARY.encode()),
    ),
    "WEBP": lambda: saved(scene(), "WEBP", exif=exif(), xmp=f"<x>{CANARY}</x>".encode()),
    "TIFF": lambda: saved(scene(), "TIFF", exif=exif(), description=CANARY, artist=CANARY),
    "GIF": lambda: saved(Image.fromarray(scene()).quantize(8), "GIF", comment=CANARY),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_no_metadata_comes_through(kind: str) -> None:
    data = CONTAINERS[kind]()
    assert CANARY.encode() in data
    photo = decode_photo(data)
    for written in (encode_png(photo), encode_jpeg(photo), encode_gif([photo], fps=10)):
        assert CANARY.encode() not in written
        with Image.open(io.BytesIO(written)) as picture:
            picture.load()
            assert not picture.getexif()
            assert not {"exif", "icc_profile", "xmp", "comment", "XML:com.adobe.xmp"} & picture.info.keys()


def outcome(data: bytes) -> str:
    """ "picture" or the sentence; anything else is raised."""
    try:
        photo = decode_photo(data)
    except BadImage as refusal:
        return str(refusal)
    assert photo.dtype == np.uint8
    assert photo.ndim == 3
    assert photo.shape[2] == 3
    return "picture"


def small(kind: str) -> bytes:
    return saved(scene()[:32, :48], kind)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_no_cut_is_shown_as_a_picture(kind: str) -> None:
    """Every length for the first and last 60 bytes, every 23rd between."""
    whole = small(kind)
    lengths = {*range(1, 60), *range(60, len(whole), 23), *range(len(whole) - 60, len(whole))}
    with ThreadPoolExecutor(2) as threads:
        outcomes = set(threads.map(outcome, [whole[:length] for length in sorted(lengths)]))
    assert outcome(whole) == "picture"
    assert "picture" not in outcomes
    assert {said for said in outcomes if "cut off" not in said and "not a picture" not in said} == set()


def mutated(whole: bytes, random: np.random.Generator) -> bytes:
    """One to eight changes: bytes flipped, runs copied, zeroed, dropped or inserted."""
    data = bytearray(whole)
    for _ in range(int(random.integers(1, 9))):
        place, length = int(random.integers(len(data))), int(random.integers(1, 24))
        match int(random.integers(5)):
            case 0:
                data[place] ^= 1 << int(random.integers(8))
            case 1:
                data[place : place + length] = random.bytes(length)
            case 2:
                data[place : place + length] = bytes(length)
            case 3:
                del data[place : place + length]
            case _:
                other = int(random.integers(len(data)))
                data[place:place] = data[other : other + length]
    return bytes(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_mutated_files_give_a_picture_or_a_sentence(kind: str) -> None:
    random = np.random.default_rng(20_260_101)
    whole = small(kind)
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(outcome, [mutated(whole, random) for _ in range(600)]))
    assert len(outcomes) == 600
    assert sum(said != "picture" for said in outcomes) > 60
    assert not any("Traceback" in said or "/" in said for said in outcomes)


@pytest.mark.parametrize(
    "wrong",
    [{"max_pixels": 0}, {"memory_bytes": -1}, {"cpu_s": 0.0}, {"timeout_s": 1e9}, {"max_aspect": 0.5}],
)
def test_limits_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DecodeLimits(**wrong)  # type: ignore[arg-type]
