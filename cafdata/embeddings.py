"""Embeddings of labelled pictures, in a working folder from which a run that was broken off goes on.

Embeddings are biometric identifiers. They lie nowhere but in that folder, which must be outside any archive, and
`discard` removes it when the tables are made.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from cafdata.readers.found import Fault, Finding
from core.detect import FacePack
from core.errors import BadImage, ScoresBroken
from core.files import replacing
from core.images import decode_photo

PART = 64
"""Pictures embedded between two writes."""
MARK = "embeddings, made by cafdata; delete at will"
"""What a working folder's README says; a folder without it is left alone."""

Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Embedded:
    """The pictures of a source in which a face was found."""

    rows: npt.NDArray[np.int64]
    """(N,) which pictures of the source."""
    embeddings: Embeddings
    """(N, D) float32 of length 1."""
    digest: str
    """sha256 over the sha256 of all pictures looked at, in order."""
    num_without_face: int
    """Pictures in which the pack found no face; they are left out."""
    num_repeated: int
    """Pictures left out because another one has the very same bytes."""


class WorkingFolder:
    """Embeddings by the sha256 of their picture's bytes, of one recogniser."""

    def __init__(self, folder: Path, recogniser_sha256: str) -> None:
        """Open or make a folder.

        Raises:
            ScoresBroken: it lies in an archive, or holds something else.
        """
        absolute = folder.absolute()
        if any((parent / "manifest.json").is_file() for parent in (absolute, *absolute.parents)):
            raise ScoresBroken(f"The working folder {folder} lies in an archive, where embeddings may not be: move it.")
        self.folder, self._prefix = folder, f"embeddings-{recogniser_sha256[:16]}-"
        readme = folder / "README"
        if (
            folder.is_dir()
            and any(folder.iterdir())
            and not (readme.is_file() and MARK.encode() in readme.read_bytes())
        ):
            raise ScoresBroken(f"The working folder {folder} holds something else: name a new one.")
        folder.mkdir(parents=True, exist_ok=True)
        readme.write_text(MARK + "\n")
        self._known: dict[str, npt.NDArray[np.float32]] = {}
        """sha256 -> (D,) embedding; (0,) where no face was found."""
        self._fresh: list[str] = []
        for part in sorted(folder.glob(f"{self._prefix}*.npz")):
            try:
                with np.load(part) as arrays:
                    self._take(arrays["sha256"], arrays["has_face"], arrays["embeddings"])
            except (ValueError, KeyError, EOFError, StopIteration, BadZipFile) as error:
                raise ScoresBroken(f"{part} is damaged: delete it, and its faces are embedded again.") from error

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._known

    def __getitem__(self, sha256: str) -> npt.NDArray[np.float32]:
        return self._known[sha256]

    def add(self, sha256: str, embedding: npt.NDArray[np.float32] | None) -> None:
        """Keep one embedding, None where no face was found; written with the next part."""
        self._known[sha256] = np.zeros(0, dtype=np.float32) if embedding is None else embedding
        self._fresh.append(sha256)
        if len(self._fresh) >= PART:
            self.write()

    def write(self) -> None:
        """Write what is not written yet."""
        if not self._fresh:
            return
        has_face = np.asarray([len(self._known[one]) > 0 for one in self._fresh])
        kept = [self._known[one] for one in self._fresh if len(self._known[one])]
        path = self.folder / f"{self._prefix}{len(self._known):08d}.npz"
        with replacing(path) as draft, draft.open("wb") as file:
            embeddings = np.stack(kept) if kept else np.zeros((0, 0), dtype=np.float32)
            np.savez(file, sha256=np.asarray(self._fresh), has_face=has_face, embeddings=embeddings)
        self._fresh = []

    def discard(self) -> None:
        """Delete the embeddings, drafts of a killed run among them, and, if nothing else is in it, the folder."""
        for part in (*self.folder.glob(f"{self._prefix}*.npz"), *self.folder.glob(f".{self._prefix}*.part")):
            part.unlink()
        if [path.name for path in self.folder.iterdir()] == ["README"]:
            (self.folder / "README").unlink()
            self.folder.rmdir()

    def _take(self, names: npt.NDArray[np.str_], has_face: npt.NDArray[np.bool_], embeddings: Embeddings) -> None:
        rest = iter(embeddings)
        for name, is_there in zip(names.tolist(), has_face.tolist(), strict=True):
            self._known[name] = next(rest) if is_there else np.zeros(0, dtype=np.float32)


def embed(find: Callable[[], Iterator[Finding]], rows: set[int], pack: FacePack, working: WorkingFolder) -> Embedded:
    """Embed the largest face of each chosen picture, what is known already aside; progress goes to stderr.

    Raises:
        ScoresBroken: a picture cannot be read, named with its reason; what is done stays in the working folder.
    """
    kept: list[int] = []
    embeddings: list[npt.NDArray[np.float32]] = []
    digest = hashlib.sha256()
    num_seen = num_without_face = 0
    seen: set[str] = set()
    try:
        for row, finding in enumerate(find()):
            if isinstance(finding, Fault) or row not in rows:
                continue
            try:
                data = finding.read()
                name = hashlib.sha256(data).hexdigest()
                if name not in working:
                    photo = decode_photo(data)
                    faces = pack.detect(photo)
                    working.add(name, pack.embed(photo, faces[0]) if faces else None)
            except (BadImage, OSError) as error:
                raise ScoresBroken(f"{finding.where}: {error}") from error
            digest.update(name.encode())
            num_seen += 1
            if len(working[name]) and name not in seen:
                kept.append(row)
                embeddings.append(working[name])
            num_without_face += not len(working[name])
            seen.add(name)
            if num_seen % 200 == 0:
                print(f"embedded {num_seen} of {len(rows)} faces", file=sys.stderr, flush=True)  # noqa: T201
    finally:
        working.write()
    if not kept:
        raise ScoresBroken(f"The pack {pack.name} finds a face in none of the {len(rows)} pictures.")
    return Embedded(
        rows=np.asarray(kept, dtype=np.int64),
        embeddings=np.stack(embeddings),
        digest=digest.hexdigest(),
        num_without_face=num_without_face,
        num_repeated=num_seen - num_without_face - len(kept),
    )
