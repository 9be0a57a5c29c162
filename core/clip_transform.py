"""Files in, files out: clips brought to target ages, each with its record.

For `party.mov` the output folder receives

    party-video/70.mp4 ...     the whole clip with its most prominent person at that age, its sound, and our marks
    party-video/record.json    model, ages, where the face was first: what was made, and of what

A clip whose record is complete and asks for the same is skipped, so an interrupted run goes on.
"""

import hashlib
from collections.abc import Generator, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from core.aging import FaceAger
from core.clip_aging import ClipAger, Outcome, Step
from core.clip_decoding import OWN_LIMITS
from core.clips import Clip
from core.errors import BadClip, NoFace
from core.files import replacing
from core.people import Person
from core.provenance import sign_file
from core.transform import file_word, made_of, made_with, present_age_words, record_in, write_record

CLIP_SUFFIXES: Final = frozenset({".mp4", ".mov", ".m4v", ".webm", ".mkv"})

T = TypeVar("T")


def transform_clips(
    ager: FaceAger, clips: Iterable[Path], ages_years: tuple[float, ...] | None, out: Path
) -> Iterator[dict[str, Any]]:
    """Work through clips one by one; yields what became of each, in their order.

    Args:
        ages_years: target ages; None for all groups of the model.
    Yields:
        {"photo", "folder", present age, "frames", "frames_aged", "flicker"}; {"photo", "folder", "skipped": true}
        where it was done before; {"photo", "error"} for a clip that cannot be used, and goes on.
    Raises:
        ValueError: an age the model does not know.
    """
    targets = ager.targets(ages_years)
    whole = ClipAger(ager)
    names = [f"{file_word(target)}.mp4" for target in targets]
    taken: set[Path] = set()
    for path in clips:
        try:
            with path.open("rb") as file:
                data = file.read(OWN_LIMITS.max_bytes + 1)
        except OSError as error:
            told = f"{path} cannot be read ({error.strerror}); check its permissions."
            yield {"photo": str(path), "error": told}
            continue
        asked: dict[str, Any] = {
            **made_with(ager),
            "clip_sha256": hashlib.sha256(data).hexdigest(),
            "ages_years": [target.years for target in targets],
            "files": names,
        }
        folder = _free_folder(out, path.stem, asked["clip_sha256"], taken)
        taken.add(folder)
        before = record_in(folder)
        if _is_done(folder, before, asked):
            yield {"photo": str(path), "folder": str(folder), "skipped": True}
            continue
        try:
            clip = Clip(data, OWN_LIMITS)
            person: Person = _ended(whole.follow(clip))
            age = whole.present_age(clip, person)
            for name in before.get("files", []):
                (folder / Path(str(name)).name).unlink(missing_ok=True)
            folder.mkdir(parents=True, exist_ok=True)
            # Written first, so that a run that is broken off leaves word of what it may have left behind.
            write_record(folder, {**asked, "is_complete": False})
            outcomes: list[Outcome] = []
            for target, name in zip(targets, names, strict=True):
                with replacing(folder / name) as unsigned:
                    outcomes.append(_ended(whole.age(clip, person, age, target.years, unsigned)))
                    sign_file(unsigned, made_of(ager, [target]), name)
        except (BadClip, NoFace) as error:
            yield {"photo": str(path), "error": str(error)}
            continue
        first = next(iter(person.faces))
        made = {
            **present_age_words(age),
            "frames": outcomes[-1].num_frames,
            "frames_aged": outcomes[-1].num_aged,
            "flicker": [round(outcome.flicker, 4) for outcome in outcomes],
        }
        where = {"first_frame": first, "first_face_box": [round(edge, 3) for edge in person.faces[first].box]}
        write_record(folder, {**asked, **made, **where, "is_complete": True})
        yield {"photo": str(path), "folder": str(folder), **made}


def _free_folder(out: Path, stem: str, clip_sha256: str, taken: set[Path]) -> Path:
    """First of `stem`-video, `stem`-video-2, ... that this run has not used and that holds no other clip's results."""
    for number in count(1):
        folder = out / f"{stem}-video{'' if number == 1 else f'-{number}'}"
        if folder not in taken and record_in(folder).get("clip_sha256", clip_sha256) == clip_sha256:
            return folder
    raise AssertionError("count() does not end")


def _is_done(folder: Path, before: dict[str, Any], asked: dict[str, Any]) -> bool:
    """Whether the folder, of which `before` is the record, holds what is asked for."""
    is_same = before.get("is_complete") is True and all(before.get(key) == value for key, value in asked.items())
    return is_same and all((folder / name).is_file() for name in asked["files"])


def _ended(steps: Generator[Step, None, T]) -> T:
    """Take all steps; what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            value: T = done.value
            return value
