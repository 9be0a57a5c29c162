"""An archive of many small pictures against `datasets.save_to_disk` and `load_from_disk` on the same rows.

python -m benchmarks.archive [--rows N]

Written: rows as plain values to files that are there after a power cut (for datasets: as it does, without fsync).
Verified: every row made a record, which checks it, and the SHA-256 of its picture; `datasets` has no such command, so
the same checks are made on the rows that it gives. The archive also checks its files' digests and that nothing is
there twice. Loaded: opened, and every column read into plain values, pictures' bytes too, a batch at a time.
Pictures are random bytes of a thumbnail's size: nothing here decodes them. The best of three; the files lie in the
page cache.
"""

import argparse
import hashlib
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import datasets

from cafdata.appending import picture_of, row_of
from cafdata.archive import Archive
from cafdata.features import record_features
from cafdata.record import Picture, Record, Row
from cafdata.shards import read_tables

PICTURE_BYTES = 1500
PICTURES_EACH = 10
"""Pictures of one person."""
BATCH = 2048
BAR = 1.5
ROUNDS = 3


def made_rows(count: int) -> list[Row]:
    """Rows as an archive takes them."""
    draw = random.Random(0)
    rows = []
    for number in range(count):
        data = b"\xff\xd8\xff" + draw.randbytes(PICTURE_BYTES)
        age = draw.uniform(0, 90)
        record = Record(
            picture_id=f"picture-{number:06d}",
            person_id=f"person-{number // PICTURES_EACH:05d}",
            sha256=hashlib.sha256(data).hexdigest(),
            phash=f"{draw.getrandbits(64):016x}",
            age_min_years=age,
            age_max_years=age + 1,
            age_provenance="given",
            source_url=f"https://photos.example.org/{number}",
            author="somebody",
            licence="CC0-1.0",
            width_px=32,
            height_px=32,
            split=("train", "train", "validation", "test")[number // PICTURES_EACH % 4],
        )
        rows.append(row_of(Picture(record=record, data=data)))
    return rows


def best_seconds(act: Callable[[], object], made: Path | None = None) -> float:
    """Least time of a few rounds; `made` is what each writes, deleted before the next."""
    seconds = []
    for _ in range(ROUNDS):
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
        start = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def compare(count: int, folder: Path) -> dict[str, tuple[float, float]]:
    """Seconds of the archive and of datasets to write, verify and load so many rows."""
    rows = made_rows(count)
    ours, theirs = folder / "archive", folder / "datasets"
    features = record_features(with_pictures=True)

    def write_ours() -> None:
        Archive.create(ours).append(rows)

    def write_theirs() -> None:
        datasets.Dataset.from_list(rows, features=features).save_to_disk(str(theirs))

    def verify_ours() -> None:
        assert not list(Archive(ours).verify())

    def load_theirs() -> datasets.Dataset:
        return datasets.load_from_disk(str(theirs)).cast_column("image", datasets.Image(decode=False))

    def verify_theirs() -> None:
        for batch in load_theirs().iter(BATCH):
            for values in zip(*batch.values(), strict=True):
                row = dict(zip(batch, values, strict=True))
                record = Record.from_row(row)
                assert hashlib.sha256(row["image"]["bytes"]).hexdigest() == record.sha256

    def load_ours() -> None:
        archive = Archive(ours)
        read = (
            table.to_pydict()["image"]
            for shard in archive.manifest.shards
            for table in read_tables(archive.folder, shard)
        )
        assert sum(map(len, read)) == count

    def read_theirs() -> None:
        assert sum(len(batch["image"]) for batch in load_theirs().iter(BATCH)) == count

    found = {
        "write": (best_seconds(write_ours, ours), best_seconds(write_theirs, theirs)),
        "verify": (best_seconds(verify_ours), best_seconds(verify_theirs)),
        "load": (best_seconds(load_ours), best_seconds(read_theirs)),
    }
    kept = {row["picture_id"]: row for row in rows}
    assert all(picture == picture_of(kept[picture.record.picture_id]) for picture in Archive(ours).pictures())
    return found


def main() -> None:
    """Print figures, one `name value unit` a line; exit status 1 if a bar is not met."""
    parser = argparse.ArgumentParser(description="Archive against datasets on the same rows.")
    parser.add_argument("--rows", type=int, default=50_000)
    rows = parser.parse_args().rows
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        found = compare(rows, Path(folder))
    for name, (ours, theirs) in found.items():
        print(f"archive_{name} {ours:.2f} s")
        print(f"datasets_{name} {theirs:.2f} s")
        print(f"archive_{name}_ratio {ours / theirs:.2f} x")
    if any(ours > BAR * theirs for ours, theirs in found.values()):
        sys.exit(f"an archive of {rows} rows is more than {BAR} times as slow as datasets")


if __name__ == "__main__":
    main()
