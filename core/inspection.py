"""Which marks a file carries: the visible label, the watermark, a signed manifest."""

from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core.clip_decoding import OWN_LIMITS as OWN_CLIP_LIMITS
from core.clips import Clip
from core.errors import BadImage
from core.images import OWN_LIMITS, Photo, decode_photo
from core.marking import has_label
from core.provenance import Provenance, read
from core.watermark import detect

MP4 = "video/mp4"
PHOTO_BRANDS = (b"hei", b"hev", b"mif1", b"msf1", b"avif", b"avis")
"""What follows in files of the same build that are photos, HEIC or AVIF; why they are not read, the decoder says."""
NUM_FRAMES = 8
"""So many frames of a film are looked at, a second or more apart: compressing takes the watermark out of some."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What was found in one file."""

    media_type: str
    """Told from its first bytes; empty for a picture in a format that holds no manifest."""
    has_label: bool
    """Whether the visible label is there, at the size this program draws it; of a film, on every frame looked at."""
    is_watermarked: bool
    watermark_score: float
    """See `core.watermark.Detection`; of a film, the best of the frames looked at."""
    watermark_threshold: float
    provenance: Provenance | None
    """None where there is no manifest."""


def inspect(path: Path, anchors_pem: bytes = b"") -> Findings:
    """Look for every mark in a picture, or in the first frames of an MP4 film.

    Args:
        path: a file that nobody vouches for.
        anchors_pem: see `core.provenance.read`.
    Raises:
        BadImage, BadClip: it is missing, or cannot be read as a picture or film.
        CredentialsRefused: the anchors are no certificates.
    """
    if not path.is_file():
        raise BadImage(f"There is no file {path}; check the path.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadImage(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    media_type = media_type_of(data)
    photos = _frames(data) if media_type == MP4 else [decode_photo(data, OWN_LIMITS)]
    mark = max((detect(photo) for photo in photos), key=lambda found: found.score)
    return Findings(
        media_type=media_type,
        has_label=all(has_label(photo) for photo in photos),
        is_watermarked=mark.is_marked,
        watermark_score=round(mark.score, 2),
        watermark_threshold=mark.threshold,
        provenance=read(data, media_type, anchors_pem) if media_type else None,
    )


def media_type_of(data: bytes) -> str:
    """JPEG, PNG, GIF, WebP or MP4, by the first bytes; empty for anything else."""
    if data[4:8] == b"ftyp" and not data[8:].startswith(PHOTO_BRANDS):
        return MP4
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    starts = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif"}
    return next((name for start, name in starts.items() if data.startswith(start)), "")


def _frames(data: bytes) -> list[Photo]:
    with closing(Clip(data, OWN_CLIP_LIMITS).frames(every_s=1.0)) as frames:
        return [frame.photo for frame in islice(frames, NUM_FRAMES)]
