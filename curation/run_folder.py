"""The working folder of a recipe: what is between its sources and its archive, written so that a kill loses nothing.

    recipe.json        the settings it was begun with; another recipe is refused
    asked.journal      answers of sources' APIs while they are being listed
    listed/            candidates, a Parquet file a shard; listed.json when all are there
    fetched/           answers for the shards under way, a journal each
    refresh            is there while the sources are read again
    seen/              a Parquet file a shard: for each candidate the face found, or why there is none
    embeddings/        for each of these a NumPy file; deleted when the archive has the pictures
    folders.json       where the recipe's local folders lie
    put_in.json        names of local pictures that it has put into the archive
    outcome.json       what became of all of them, when the archive has the pictures

A shard counts when its file in `seen` is there. Everything is written aside and moved into place.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cafdata import lock
from cafdata.leftovers import is_draft
from core.errors import CurationBroken
from core.files import replacing, write_atomic
from curation.candidate import Candidate
from curation.columns import CANDIDATE, OUTCOME
from curation.recipe import Recipe
from curation.stage import Drop

VERSION: Final = 1
README: Final = (
    "Working folder of a curation run, made by python -m curation; it holds faces and, for a while, embeddings.\n"
)

GROUP_ROWS: Final = 64
"""Rows of a row group: the faces of so many pictures are in memory at once."""

Embeddings = npt.NDArray[np.float32]


class RunFolder:
    """A working folder. Holds nothing in memory."""

    def __init__(self, recipe: Recipe) -> None:
        """Name the folder of a recipe; nothing is made or read yet."""
        self.recipe, self.folder = recipe, recipe.working
        self.listed, self.fetched = self.folder / "listed", self.folder / "fetched"
        self.seen, self.embedded = self.folder / "seen", self.folder / "embeddings"

    def open(self) -> None:
        """Make the folder, or see that it belongs to the recipe; what a killed run left half written goes.

        Only for who holds the folder.

        Raises:
            CurationBroken: it holds something else, or the run of other settings.
        """
        said = self.folder / "recipe.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        begun = {"version": VERSION, "digest": self.recipe.digest, "settings": self.recipe.settings()}
        if not said.exists():
            names = {path.name for path in self.folder.iterdir() if not path.name.startswith(".")} - {"lock"}
            if names:
                raise CurationBroken(f"{self.folder} holds something else ({min(names)}); name a new working folder")
            write_json(said, begun)
        before = read_json(said)
        if before.get("version") != VERSION:
            raise CurationBroken(f"{said} has version {before.get('version')}; this program reads {VERSION}")
        if before.get("digest") == self.recipe.placed_digest != self.recipe.digest:
            write_json(said, begun)
        elif before.get("digest") != self.recipe.digest:
            now = json.loads(json.dumps(self.recipe.settings()))
            changed = _differences(before.get("settings", {}), now)
            raise CurationBroken(
                f"{self.folder} was begun with other settings ({', '.join(changed)}); "
                "change them back, or name another working folder in the recipe"
            )
        for folder in (self.listed, self.fetched, self.seen, self.embedded):
            folder.mkdir(exist_ok=True)
        for folder in (self.folder, self.listed, self.fetched, self.seen, self.embedded):
            for path in filter(is_draft, folder.iterdir()):
                path.unlink()
        write_atomic(self.folder / "README", README.encode())

    @property
    def asked_file(self) -> Path:
        """Answers of sources' APIs, while they are being read."""
        return self.folder / "asked.journal"

    @property
    def refresh_file(self) -> Path:
        """Is there while a refresh is under way."""
        return self.folder / "refresh"

    def writing(self) -> Any:
        """Hold the folder for one run at a time; a context. Raises ArchiveBroken if another holds it."""
        return lock.writing(self.folder)

    @property
    def is_listed(self) -> bool:
        """Whether the sources were read to their end."""
        return (self.folder / "listed.json").exists()

    def listing(self) -> dict[str, Any]:
        """What the sources gave: "candidates", and "drops" as stage, reason, count. Raises CurationBroken."""
        return read_json(self.folder / "listed.json")

    def shards(self) -> list[int]:
        """Numbers of the shards that are listed."""
        return sorted(int(path.stem) for path in self.listed.glob("[0-9]*.parquet"))

    def is_done(self, shard: int) -> bool:
        """Whether all pictures of a shard were looked at, and are not to be asked for again."""
        return self.seen_file(shard).exists() and not self.stale_file(shard).exists()

    def num_listed(self, shard: int) -> int:
        """Candidates of a shard. Raises CurationBroken if its file is damaged."""
        try:
            return int(pq.read_metadata(self.listed_file(shard)).num_rows)
        except (pa.ArrowException, OSError) as error:
            raise CurationBroken(
                f"{self.listed_file(shard)} is damaged; delete {self.folder} and begin anew"
            ) from error

    def listed_file(self, shard: int) -> Path:
        """Candidates of a shard."""
        return self.listed / f"{shard:06d}.parquet"

    def seen_file(self, shard: int) -> Path:
        """What was found of a shard."""
        return self.seen / f"{shard:06d}.parquet"

    def embeddings_file(self, shard: int) -> Path:
        """Embeddings of a shard's faces."""
        return self.embedded / f"{shard:06d}.npz"

    def stale_file(self, shard: int) -> Path:
        """Is there while a shard is to be asked for again."""
        return self.seen / f"{shard:06d}.stale"

    def journal_file(self, shard: int) -> Path:
        """Answers of servers for a shard under way."""
        return self.fetched / f"{shard:06d}.journal"

    def write_listed(self, shard: int, candidates: Sequence[Candidate]) -> None:
        """Write the candidates of a shard."""
        rows = [{"shard": shard, "position": position, **one.to_row()} for position, one in enumerate(candidates)]
        self.write_rows_listed(shard, rows)

    def write_rows_listed(self, shard: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the rows of a shard's candidates."""
        write_rows(self.listed_file(shard), rows, CANDIDATE)

    def read_listed(self, shard: int) -> list[dict[str, Any]]:
        """Rows of a shard's candidates. Raises CurationBroken if its file is damaged."""
        try:
            with _opened(self.listed_file(shard), CANDIDATE) as file:
                rows: list[dict[str, Any]] = file.read().to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise CurationBroken(
                f"{self.listed_file(shard)} is damaged; delete {self.folder} and begin anew"
            ) from error
        return rows

    def write_seen(self, shard: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write what was found of a shard; from here on it counts, and its journal goes.

        Args:
            rows: of OUTCOME's columns; "embedding" beside them where there is a face.
        """
        self.rewrite_seen(shard, rows)
        self.stale_file(shard).unlink(missing_ok=True)
        self.journal_file(shard).unlink(missing_ok=True)

    def rewrite_seen(self, shard: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write what is known of a shard; one that is to be asked for again still is. Arguments as `write_seen`."""
        ordered = sorted(rows, key=lambda row: int(row["position"]))
        faces = [row for row in ordered if row.get("face") is not None]
        if all(row.get("embedding") is not None for row in faces):
            self.write_embeddings(shard, [row["picture_id"] for row in faces], [row["embedding"] for row in faces])
        else:
            self.embeddings_file(shard).unlink(missing_ok=True)
        write_rows(self.seen_file(shard), ordered, OUTCOME)

    def write_embeddings(self, shard: int, picture_ids: Sequence[str], embeddings: Sequence[Any]) -> None:
        """Write embeddings, a row a picture."""
        table = np.asarray(embeddings, dtype=np.float32) if embeddings else np.zeros((0, 0), dtype=np.float32)
        with replacing(self.embeddings_file(shard)) as draft, draft.open("wb") as file:
            np.savez(file, picture_id=np.asarray(picture_ids, dtype=np.str_), embedding=table)

    def read_embeddings(self, shard: int) -> tuple[list[str], Embeddings]:
        """Picture ids and (N, D) embeddings of a shard. Raises CurationBroken if the file is damaged."""
        path = self.embeddings_file(shard)
        try:
            with np.load(path) as arrays:
                return arrays["picture_id"].tolist(), arrays["embedding"]
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise CurationBroken(f"{path} is damaged; delete it, and its faces are embedded again") from error

    def read_seen(self, shard: int, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Rows of a shard that was looked at, all columns or those named. Raises CurationBroken."""
        return read_seen_file(self.seen_file(shard), columns)

    def discard_embeddings(self) -> None:
        """Delete all embeddings."""
        for path in self.embedded.iterdir():
            path.unlink()


def read_seen_file(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Rows of one file of a `seen` folder. Raises CurationBroken if it is damaged."""
    try:
        with _opened(path, OUTCOME) as file:
            for batch in file.iter_batches(GROUP_ROWS, columns=None if columns is None else list(columns)):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise CurationBroken(f"{path} is damaged; delete it, and its pictures are looked at again") from error


def _opened(path: Path, schema: pa.Schema) -> Any:
    """A table to be read; damage is an ArrowException or OSError. Pages have checksums, names of columns have none."""
    file = pq.ParquetFile(path, page_checksum_verification=True)
    if not file.schema_arrow.equals(schema):
        file.close()
        raise pa.ArrowInvalid("other columns")
    return file


def drop_of(row: Mapping[str, Any]) -> Drop:
    """Inverse of `drop_row`."""
    return Drop(
        stage=row["stage"], reason=row["reason"], detail=row["detail"] or "", is_passing=bool(row["is_passing"])
    )


def drop_row(drop: Drop) -> dict[str, Any]:
    """A Drop as the struct of that column."""
    return {"stage": drop.stage, "reason": drop.reason, "detail": drop.detail, "is_passing": drop.is_passing}


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Rows to a Parquet file, atomically; the same rows give the same bytes."""
    names = schema.names
    table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows], schema=schema)
    with replacing(path) as draft:
        pq.write_table(
            table,
            draft,
            compression="zstd",
            row_group_size=GROUP_ROWS,
            write_statistics=False,
            write_page_checksum=True,
        )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """An object to a JSON file, atomically."""
    write_atomic(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file. Raises CurationBroken if it is missing or damaged."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise CurationBroken(f"There is no {path}; run the recipe first: python -m curation run RECIPE") from None
    except ValueError as error:
        raise CurationBroken(
            f"{path} is damaged ({error}); delete the working folder and run the recipe again"
        ) from error
    if not isinstance(value, dict):
        raise CurationBroken(f"{path} is damaged; delete the working folder and run the recipe again")
    return value


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of the settings that differ."""
    found = []
    for name in sorted({*before, *now}):
        one, other = before.get(name), now.get(name)
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            found += [f"{name}.{inner}" for inner in _differences(one, other)]
        else:
            found.append(name)
    return found
