"""Photos of people who never lived: the sample's faces, faces between two of them, each before a drawn background."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cafdata.archive import Archive
from cafdata.record import Sex
from core.ages import TEN
from core.images import Photo, decode_photo, encode_jpeg

SAMPLE = Path(__file__).resolve().parents[1] / "cafdata" / "sample"
NUM_SAMPLED = 20
FACE_PX = 200
FEATHER_PX = 14

Faces = dict[int, Photo]
"""Age in whole years to (200, 200, 3) uint8 RGB, in UTKFace's framing."""


@cache
def sampled() -> tuple[tuple[Sex, str, Faces], ...]:
    """Sex, descent and faces of the twenty people of the sample, by number."""
    people: dict[str, tuple[Sex, str, Faces]] = {}
    for picture in Archive(SAMPLE).pictures():
        record = picture.record
        assert record.sex is not None and record.ethnicity is not None
        _, _, faces = people.setdefault(record.person_id, (record.sex, record.ethnicity, {}))
        faces[int(record.age_years)] = decode_photo(picture.data)
    return tuple((sex, descent, dict(sorted(faces.items()))) for _, (sex, descent, faces) in sorted(people.items()))


class Cast:
    """People by number: the twenty of the sample, then others without end, each the mean of two of these, reshaped."""

    def __init__(self, seed: int) -> None:
        people = sampled()
        pairs = [
            (one, other)
            for one in range(NUM_SAMPLED)
            for other in range(one + 1, NUM_SAMPLED)
            if people[one][0] == people[other][0] and people[one][1] != people[other][1]
        ]
        order = np.random.default_rng([seed, 1]).permutation(len(pairs))
        self._pairs = [pairs[place] for place in order]
        self._seed = seed

    def sex(self, number: int) -> Sex:
        """Of a person."""
        return sampled()[number if number < NUM_SAMPLED else self._parents(number)[0]][0]

    def ages(self, number: int) -> list[int]:
        """At which there are faces of a person, youngest first."""
        return sorted(self._sources(number))

    def face(self, number: int, age_years: int) -> Photo:
        """(200, 200, 3) uint8 RGB of a person at one of their ages."""
        sources = self._sources(number)[age_years]
        if number < NUM_SAMPLED:
            return sources[0]
        made = cv2.addWeighted(sources[0], 0.5, sources[1], 0.5, 0)
        return reshaped(np.asarray(made, np.uint8), np.random.default_rng([self._seed, 2, number]))

    def _parents(self, number: int) -> tuple[int, int]:
        return self._pairs[(number - NUM_SAMPLED) % len(self._pairs)]

    def _sources(self, number: int) -> dict[int, list[Photo]]:
        """Age to the faces that it is the mean of: both parents' of one age group."""
        people = sampled()
        if number < NUM_SAMPLED:
            return {age: [face] for age, face in people[number][2].items()}
        one, other = (people[parent][2] for parent in self._parents(number))
        made: dict[int, list[Photo]] = {}
        for age, face in one.items():
            twin = next((years for years in other if TEN.index_of(years) == TEN.index_of(age)), None)
            if twin is not None:
                made[(age + twin) // 2] = [face, other[twin]]
        return made


def reshaped(face: Photo, random: np.random.Generator) -> Photo:
    """A face made narrower or wider, with eyes, nose and jaw elsewhere: somebody else to a recogniser."""
    width, height, jaw, eyes, nose = random.choice([-1, 1], 5) * random.uniform(
        [0.09, 0.03, 0.08, 0.02, 0.02], [0.14, 0.08, 0.15, 0.04, 0.05]
    )
    y, x = np.mgrid[0:FACE_PX, 0:FACE_PX].astype(np.float32) / (FACE_PX / 2) - 1
    from_x = x * (1 + width) * (1 + jaw * np.clip(y, 0, 1))
    from_y = y * (1 + height) + eyes * np.exp(-(((y + 0.25) / 0.3) ** 2)) + nose * np.exp(-(((y - 0.25) / 0.3) ** 2))
    half = FACE_PX / 2
    places = ((from_x + 1) * half).astype(np.float32), ((from_y + 1) * half).astype(np.float32)
    moved = cv2.remap(face, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def photo(face: Photo, random: np.random.Generator) -> Photo:
    """A face in a photo of its own: turned and lit a little, its edges fading into a drawn background.

    Returns:
        (H, W, 3) uint8 RGB, about 640 x 480.
    """
    width, height = int(random.integers(560, 721)), int(random.integers(440, 521))
    scene = background(width, height, face, random)
    side = int(random.uniform(1.05, 1.4) * FACE_PX)
    left, top = int(random.integers(10, width - side - 10)), int(random.integers(5, height - side - 5))
    matrix = cv2.getRotationMatrix2D((FACE_PX / 2, FACE_PX / 2), float(random.uniform(-6, 6)), side / FACE_PX)
    matrix[:, 2] += (side - FACE_PX) / 2
    mask = np.zeros((FACE_PX, FACE_PX), np.float32)
    mask[FEATHER_PX:-FEATHER_PX, FEATHER_PX:-FEATHER_PX] = float(random.uniform(0.97, 1))
    mask = cv2.GaussianBlur(mask, (0, 0), FEATHER_PX / 2)
    placed = cv2.warpAffine(face, matrix, (side, side), flags=cv2.INTER_CUBIC).astype(np.float32)
    share = cv2.warpAffine(mask, matrix, (side, side))[..., None]
    light = float(random.uniform(0.92, 1.08))
    around = scene[top : top + side, left : left + side]
    around[:] = np.clip(placed * light * share + around * (1 - share), 0, 255).astype(np.uint8)
    return scene


def background(width: int, height: int, face: Photo, random: np.random.Generator) -> Photo:
    """(H, W, 3) uint8 RGB: blotches and a few shapes in colours of their own, mild enough to hold no face."""
    base = face.reshape(-1, 3).mean(axis=0) * 0.5 + random.uniform(30, 110, 3)
    small = np.clip(base + random.normal(0, 22, (7, 9, 3)), 0, 255).astype(np.uint8)
    scene = cv2.resize(small, (width // 2, height // 2), interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        corner = random.integers(0, (width // 2, height // 2))
        size = random.integers(10, 80, 2)
        colour = tuple(float(value) for value in np.clip(base + random.normal(0, 45, 3), 0, 255))
        cv2.rectangle(scene, tuple(map(int, corner)), tuple(map(int, corner + size)), colour, -1)
    return np.asarray(cv2.resize(scene, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def as_jpeg(made: Photo, quality: int = 90) -> bytes:
    """A JPEG file."""
    return encode_jpeg(made, quality)


def _edited(change: Callable[[Image.Image], Image.Image], quality: int) -> Callable[[bytes], bytes]:
    def edit(data: bytes) -> bytes:
        target = io.BytesIO()
        change(Image.open(io.BytesIO(data)).convert("RGB")).save(target, "JPEG", quality=quality)
        return target.getvalue()

    return edit


def _cropped(picture: Image.Image) -> Image.Image:
    """A twentieth of each side off, two and a half hundredths at each edge."""
    x, y = picture.width // 40, picture.height // 40
    return picture.crop((x, y, picture.width - x, picture.height - y))


DUPLICATES: dict[str, Callable[[bytes], bytes]] = {
    "exact": lambda data: data,
    "jpeg 50": _edited(lambda picture: picture, 50),
    "crop 5 %": _edited(_cropped, 90),
    "mirror": _edited(lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 90),
    "resize": _edited(lambda picture: picture.resize((picture.width * 7 // 10, picture.height * 7 // 10)), 90),
    "grey": _edited(lambda picture: picture.convert("L"), 90),
}
"""How a picture is there twice."""


def truncated(data: bytes) -> bytes:
    """The first half of a file."""
    return data[: len(data) // 2]


def page_of_html(_: bytes) -> bytes:
    """What a server sends in place of a picture."""
    return b"<!DOCTYPE html><html><body>Please log in</body></html>"


def bomb(_: bytes) -> bytes:
    """A PNG of 30,000 x 30,000 pixels in a few kilobytes."""
    side = 30_000
    rows = zlib.compress((b"\0" * (side // 8 + 1)) * 2000, 1)
    parts = ((b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


BROKEN: dict[str, Callable[[bytes], bytes]] = {"truncated": truncated, "html": page_of_html, "bomb": bomb}
"""How a picture is none."""
