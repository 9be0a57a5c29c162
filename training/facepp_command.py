"""python -m training facepp age | verify. Light, so that --help answers at once; the work is in training.facepp_run."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHINA = "https://api-cn.faceplusplus.com"
"""The endpoint that the reference used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """How Face++ is asked. The keys come from the environment variables FACEPP_KEY and FACEPP_SECRET alone."""

    endpoint: str = CHINA
    """Address of the service; another region is https://api-us.faceplusplus.com."""
    rate: float = 1.0
    """Requests a second, at most."""
    tries: int = 6
    """Requests for one picture, at most."""
    first_wait_s: float = 1.0
    """Seconds before the second try; doubled before each further one."""
    timeout_s: float = 30.0
    """Seconds for an answer."""
    max_calls: int | None = None
    """Calls that may be paid for, in all runs for this CSV together."""
    yes: bool = False
    """Agree to pay without being asked."""
    record: Path | None = None
    """Also write all answers to this file."""
    replay: Path | None = None
    """Take the answers from such a file, or from a journal; nothing is sent and no key is needed."""


def facepp_age(folder: Path, /, out: Path, terms: Terms = Terms()) -> int:
    """Ask Face++ how old the face in each picture looks: CSV k,filename,age,status.

    Args:
        folder: Folder of pictures; folders within it count too.
        out: CSV to write. What is answered is kept beside it in a journal and never paid for twice.
        terms: How to ask.
    """

    def work(say: Callable[[str], None]) -> dict[str, Any]:
        from training.facepp_questions import about_ages
        from training.facepp_run import make_table

        return make_table("detect", about_ages(folder), out, terms, say)

    return finish(work)


def facepp_verify(folder: Path, originals: Path, /, out: Path, terms: Terms = Terms()) -> int:
    """Ask Face++ how alike each picture and its original are: CSV k,filename,confidence,status.

    Args:
        folder: Folder of pictures; folders within it count too.
        originals: Folder with the original of each, under the same path.
        out: CSV to write. What is answered is kept beside it in a journal and never paid for twice.
        terms: How to ask.
    """

    def work(say: Callable[[str], None]) -> dict[str, Any]:
        from training.facepp_questions import about_pairs
        from training.facepp_run import make_table

        return make_table("compare", about_pairs(folder, originals), out, terms, say)

    return finish(work)


def finish(work: Callable[[Callable[[str], None]], dict[str, Any]]) -> int:
    """Do the work, print its summary, and say with the exit code whether every row has a number."""

    def say(sentence: str) -> None:
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()

    try:
        summary = work(say)
    except KeyboardInterrupt:
        say("stopped; what is answered is kept, and the same command goes on from there")
        return 130
    sys.stdout.write(json.dumps(summary) + "\n")
    return 0 if summary["ok"] == summary["rows"] else 1
