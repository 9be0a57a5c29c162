"""Two folders to questions for Face++, each with its place in the table and a key that tells it from every other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.cells import path_cell
from core.errors import BadImage, DataBroken
from training.facepp import Method
from training.facepp_outcome import Outcome
from training.facepp_pictures import SUFFIXES, Fit, fit_of, read_file, sha256_of, to_send


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One row of the table."""

    cell: str
    """The picture's path within its folder, as it stands in the table."""
    method: Method
    """What is asked."""
    paths: tuple[Path, ...]
    """The picture; for "compare" the original after it."""
    sha256s: tuple[str, ...]
    """Of each file's bytes; () where one cannot be read."""
    obstacle: Outcome | None = None
    """Why it is not asked, where the files alone tell."""

    @property
    def key(self) -> str:
        """The method and the pictures: the same for two files of the same bytes."""
        return ":".join((self.method, *self.sha256s))


def about_ages(folder: Path) -> Iterator[Question]:
    """How old is the face in each picture of a folder? In the order of their paths.

    Raises:
        DataBroken: no such folder, or no picture in it.
    """
    for path in pictures_in(folder):
        yield question(path_cell(path.relative_to(folder)), "detect", (path,))


def about_pairs(folder: Path, originals: Path) -> Iterator[Question]:
    """How alike are each picture of a folder and the one of the same path in another? Raises as `about_ages`."""
    pictures_in(originals)
    for path in pictures_in(folder):
        name = path.relative_to(folder)
        yield question(path_cell(name), "compare", (path, originals / name))


def pictures_in(folder: Path) -> list[Path]:
    """Pictures in a folder and the folders within it, sorted by their path."""
    if not folder.is_dir():
        raise DataBroken(f"there is no folder {folder}")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not path.is_dir())
    if not found:
        raise DataBroken(f"there is no picture in the folder {folder}")
    return found


def question(cell: str, method: Method, paths: tuple[Path, ...]) -> Question:
    """A question with its key; with an obstacle where a file is missing or unreadable."""
    if not paths[-1].is_file() and len(paths) == 2:
        obstacle = Outcome(key=f"{method}:{cell}", status="no_original")
        return Question(cell=cell, method=method, paths=paths, sha256s=(), obstacle=obstacle)
    try:
        sha256s = tuple(sha256_of(read_file(path)) for path in paths)
    except BadImage as error:
        obstacle = Outcome(key=f"{method}:{cell}", status="unusable", error=str(error))
        return Question(cell=cell, method=method, paths=paths, sha256s=(), obstacle=obstacle)
    return Question(cell=cell, method=method, paths=paths, sha256s=sha256s)


class Checked:
    """Questions that were looked at before anything is paid: which can be asked, and how their pictures go."""

    def __init__(self, questions: Iterable[Question], known: Mapping[str, Outcome]) -> None:
        """Read every picture whose question has no settled outcome yet.

        Args:
            known: outcomes by key.
        """
        self.questions: list[Question] = []
        self.outcomes: dict[str, Outcome] = {}
        """Known and found here, by key."""
        self.pending: dict[str, tuple[Question, tuple[Fit, ...]]] = {}
        """What is to be asked: each key once, in the order of the rows."""
        for one in questions:
            self.questions.append(one)
            if one.obstacle is not None:
                continue
            if one.key in known:
                self.outcomes[one.key] = known[one.key]
            if one.key not in known or not known[one.key].is_settled:
                self._check(one)

    def _check(self, one: Question) -> None:
        try:
            fits = tuple(fit_of(read_file(path), len(one.paths)) for path in one.paths)
        except BadImage as error:
            self.outcomes[one.key] = Outcome(key=one.key, status="unusable", error=str(error))
        else:
            self.pending[one.key] = (one, fits)

    def rows(self) -> list[tuple[str, Outcome]]:
        """Cell and outcome of each row."""
        return [(one.cell, one.obstacle or self.outcomes.get(one.key, unasked(one.key))) for one in self.questions]


def unasked(key: str) -> Outcome:
    return Outcome(key=key, status="not_asked")


def pictures_of(one: Question, fits: Sequence[Fit]) -> tuple[bytes, ...]:
    """The bytes to send. Raises BadImage where a file has changed since it was looked at."""
    data = [read_file(path) for path in one.paths]
    if tuple(sha256_of(each) for each in data) != one.sha256s:
        raise BadImage("it has changed while this was at work")
    return to_send(list(zip(data, fits, strict=True)))
