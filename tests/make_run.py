"""Working folders of curation runs, made by hand: drawn people who never lived, at ages that are read as they are."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cafdata.picture_hash import long_hash, look
from core.images import encode_jpeg
from curation.candidate import Candidate
from curation.recipe import Recipe
from curation.run_folder import RunFolder, drop_row, write_json
from curation.sources.folder import Folder
from curation.stage import Drop
from tests.make_archive import drawn_photo

DIMENSIONS = 64
SHARD_PICTURES = 4
Row = dict[str, Any]


def made_run(folder: Path, **changes: Any) -> RunFolder:
    """An open working folder without anything in it; `changes` are fields of the recipe."""
    given: dict[str, Any] = {
        "archive": folder / "archive",
        "working": folder / "archive.work",
        "sources": (Folder(folder=folder / "photos"),),
        "pack": "embedded",
        "shard_pictures": SHARD_PICTURES,
    }
    run = RunFolder(Recipe(**given | changes))
    run.open()
    return run


def candidate(person: int, age_years: int, **changes: Any) -> Candidate:
    """A picture of a drawn person, born in 1960."""
    given: dict[str, Any] = {
        "picture_id": f"made/{person}-{age_years}",
        "person_id": f"person-{person}",
        "url": f"https://photos.example.org/{person}/{age_years}.jpg",
        "source_url": f"https://photos.example.org/{person}/{age_years}",
        "born": "1960-01-01",
        "captured": f"{1960 + age_years}-07-01",
        "author": "A machine",
        "licence": "CC0-1.0",
        "sex": "female" if person % 2 else "male",
    }
    return Candidate(**given | changes)


def embedding_of(person: int, age_years: int) -> "np.typing.NDArray[np.float32]":
    """(64,) float32 of length 1: 0.9 with the same person at another age, about 0 with others."""
    own = np.random.default_rng([7, person]).normal(size=DIMENSIONS)
    drift = np.random.default_rng([8, person, age_years]).normal(size=DIMENSIONS)
    made = own / np.linalg.norm(own) + 0.33 * drift / np.linalg.norm(drift)
    return np.asarray(made / np.linalg.norm(made), np.float32)


def seen_row(
    one: Candidate, *, shows: tuple[int, int] | None = None, read_years: float | None = None, **changes: Any
) -> Row:
    """A row of `seen` but for shard and position.

    Args:
        shows: number and age of the drawn person on the photo; those of the picture's name if None.
        read_years: as an estimator would read it; the age if None.
    """
    person, age_years = shows or tuple(map(int, one.picture_id.partition("/")[2].split("-")[:2]))
    photo = drawn_photo(person, age_years)
    data = encode_jpeg(photo, 90)
    row: Row = {
        **one.to_row(),
        "answer": {"url": one.url, "content_type": "image/jpeg", "etag": f'"{one.picture_id}"', "last_modified": None},
        "drop": None,
        "photo_sha256": hashlib.sha256(data).hexdigest(),
        "looks": list(look(data)),
        "photo_width_px": 64,
        "photo_height_px": 64,
        "face": data,
        "sha256": hashlib.sha256(data).hexdigest(),
        "long_hash": long_hash(photo),
        "size_px": 64,
        "framing": "utkface",
        "box": [1.0, 2.0, 60.0, 62.0],
        "points": [[20.0, 19.0], [44.0, 19.0], [32.0, 30.0], [25.0, 44.0], [39.0, 44.0]],
        "points_convention": "arcface5",
        "num_faces": 1,
        "quality": [{"name": "sharpness", "value": 0.5}],
        "age_read_years": float(age_years if read_years is None else read_years),
        "age_read_low_years": max(0.0, age_years - 3.0),
        "age_read_high_years": age_years + 3.0,
        "estimator": "age-estimator-128",
        "embedding": embedding_of(person, age_years),
    }
    return row | changes


def dropped_row(one: Candidate, reason: str, *, stage: str = "fetch", is_passing: bool = False) -> Row:
    """A row of `seen` for a picture that has no face."""
    drop = Drop(stage=stage, reason=reason, is_passing=is_passing)
    return {**one.to_row(), "answer": None, "drop": drop_row(drop)}


def filled(run: RunFolder, rows: Sequence[Row]) -> RunFolder:
    """Write rows as shards that were listed and looked at."""
    for shard, start in enumerate(range(0, len(rows), SHARD_PICTURES)):
        part = [
            row | {"shard": shard, "position": place} for place, row in enumerate(rows[start : start + SHARD_PICTURES])
        ]
        run.write_rows_listed(shard, part)
        run.write_seen(shard, part)
    write_json(run.folder / "listed.json", {"candidates": len(rows), "drops": {}, "shards": len(run.shards())})
    return run


def seen_of(run: RunFolder) -> dict[str, Row]:
    """All rows of `seen`, by picture id."""
    return {row["picture_id"]: row for shard in run.shards() for row in run.read_seen(shard)}
