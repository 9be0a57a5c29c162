"""What a visitor has sent, as Gradio names it to an event: a file in the page's own folder, or nothing."""

from pathlib import Path
from typing import Any

from demo.admission import fault_of
from demo.answering import Refusal
from demo.consent import GONE


def uploaded(upload: Any, folder: str) -> Path:
    """The file that an event without preprocessing was handed.

    Args:
        upload: as it comes from the browser, which may say anything.
        folder: where uploads lie; nothing outside is ever read, overwritten or deleted.
    Raises:
        Refusal: no such file, or one outside.
    """
    named = upload.get("path") if isinstance(upload, dict) else None
    if fault_of(named, Path(folder).resolve()) is not None:
        raise Refusal(GONE)
    return Path(str(named))
