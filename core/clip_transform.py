"""Files in, files out: clips brought to target ages, each with its record.

For `party.mov` the output folder receives

    party-video/70.mp4 ...     the whole clip with its most prominent person at that age, its sound, and our marks
    party-video/record.json    model, ages, where the face was first: what was made, and of what

A clip whose record is complete and asks for the same is skipped, so an interrupted run goes on.
"""

import hashlib
import json
from collections.abc import Generator, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from core.aging import FaceAger
from core.clip_aging import ClipAger, Outcome, Step
from core.clips import Clip, ClipLimits
from core.errors import BadClip, NoFace
from core.files import write_atomic
from core.people import Person
from core.provenance import sign_file
from core.transform import MARKS, RECORD, file_word, made_of, present_age_words

CLIP_SUFFIXES: Final = frozenset({".mp4", ".mov", ".m4v", ".webm", ".mkv"})
LIMITS: Final = ClipLimits(
    max_bytes=2 << 30, max_pixels=3840 * 2176, max_s=1200, max_frames=80_000, memory_bytes=4 << 30, cpu_s=3600
)
"""Of one's own clips: wider than a server grants its visitors."""

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
        folders = (out / f"{path.stem}-video{'' if number == 1 else f'-{number}'}" for number in count(1))
        folder = next(one for one in folders if one not in taken)
        taken.add(folder)
        try:
            data = path.read_bytes()
            clip = Clip(data, LIMITS)
            asked = {
                **MARKS,
                "model": ager.model.info.name,
                "model_sha256": ager.model.info.sha256,
                "licence": ager.model.info.licence,
                "face_pack": ager.pack.name,
                "clip_sha256": hashlib.sha256(data).hexdigest(),
                "ages_years": [target.years for target in targets],
                "files": names,
            }
            if _is_done(folder, asked):
                yield {"photo": str(path), "folder": str(folder), "skipped": True}
                continue
            person: Person = _ended(whole.follow(clip))
            age = whole.present_age(clip, person)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / RECORD).unlink(missing_ok=True)  # of another clip, or of other ages
            outcomes: list[Outcome] = []
            for target, name in zip(targets, names, strict=True):
                outcomes.append(_ended(whole.age(clip, person, age, target.years, folder / name)))
                sign_file(folder / name, made_of(ager, [target]))
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
        record = {**asked, **made, **where}
        write_atomic(folder / RECORD, (json.dumps(record, indent=2) + "\n").encode())
        yield {"photo": str(path), "folder": str(folder), **made}


def _is_done(folder: Path, asked: dict[str, Any]) -> bool:
    """Whether the folder holds what is asked for. The record is written last, so one that is there is complete."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    same = isinstance(record, dict) and all(record.get(key) == value for key, value in asked.items())
    return same and all((folder / name).is_file() for name in asked["files"])


def _ended(steps: Generator[Step, None, T]) -> T:
    """Take all steps; what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            value: T = done.value
            return value
