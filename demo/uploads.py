"""What a visitor has sent, as Gradio names it to an event: a file in the page's own folder, or nothing.

And the photo for those who have none at hand.
"""

from pathlib import Path
from typing import Any, Final

from core.align import Photo
from core.files import write_atomic
from core.images import encode_jpeg
from demo.admission import fault_of
from demo.answering import Refusal, answering
from demo.consent import GONE
from demo.studio import Studio

EXAMPLE: Final = Path(__file__).parent / "examples" / "astronaut.jpg"
"""Scikit-image's astronaut."""


def uploaded(upload: Any, folder: str, gone: str = GONE) -> Path:
    """The file that an event without preprocessing was handed.

    Args:
        upload: as it comes from the browser, which may say anything.
        folder: where uploads lie; nothing outside is ever read, overwritten or deleted.
        gone: what to say of a file that is not there.
    Raises:
        Refusal: no such file, or one outside.
    """
    named = upload.get("path") if isinstance(upload, dict) else None
    if fault_of(named, Path(folder).resolve()) is not None:
        raise Refusal(gone)
    return Path(str(named))


def photo_taken_in(studio: Studio, upload: Any, folder: str) -> tuple[Photo, str]:
    """A photo that was handed to an event without preprocessing; its copy on disk loses all metadata.

    Args:
        upload: as it comes from the browser, which may say anything.
        folder: where uploads lie.
    Returns:
        (H, W, 3) uint8 RGB, and the path of the copy, now a plain JPEG.
    Raises:
        Refusal: no such file, or no picture that can be used; then the copy is deleted.
    """
    path = uploaded(upload, folder)
    try:
        with answering():
            photo = studio.read(path.read_bytes())
            write_atomic(path, encode_jpeg(photo))
    except Refusal:
        path.unlink(missing_ok=True)
        raise
    return photo, str(path)
