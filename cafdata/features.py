"""An archive for Hugging Face `datasets`: typed features, and a copy of it to give away.

An archive folder loads as it lies: `datasets.load_dataset(FOLDER, "metadata")`, without pictures, or `"pictures"`.
`export` writes a folder for others, which holds what is published and nothing else: no review queue, no tombstones,
no derived files, and the metadata in files of their own, so that the pictures can be left out or put behind a gate.
Where the archive has a card, the copy gets one of its own: its counts are those of the records, its croissant.json
describes the files of the copy.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
from datasets import Features

from cafdata.archive import Archive
from cafdata.card import card_files, has_regions
from cafdata.croissant import DataFile, Release, RowSet
from cafdata.front_matter import configs, with_configs
from cafdata.leftovers import README, TITLE
from cafdata.manifest import UNASSIGNED, Shard
from cafdata.record import Record
from cafdata.schema import record_schema
from cafdata.shards import file_digest, read_tables
from cafdata.summary import summarise
from core.errors import ArchiveBroken
from core.files import replacing, sync_folder, write_atomic

METADATA: Final = "metadata"
PICTURES: Final = "pictures"


def record_features(*, with_pictures: bool) -> Features:
    """The columns as `datasets` types them: groups as ClassLabel, the picture as Image."""
    return Features.from_arrow_schema(record_schema(with_pictures=with_pictures))


def export(archive: Archive, out: Path, *, with_pictures: bool) -> int:
    """Write a copy to give away: README, metadata, if asked for pictures, and a card if there is one.

    The copy appears at once when it is whole and on the disk; what a killed export left is cleared by the next. It is
    of one moment, whatever is appended meanwhile. Gives back how many rows there are.

    Raises:
        ArchiveBroken: `out` is there already, there are no pictures or some without a split, a shard is damaged, or
            the regions of the README do not begin and end in turn.
    """
    if out.exists():
        raise ArchiveBroken(f"{out} is there already; choose a new folder or delete it")
    manifest = archive.manifest
    shards = manifest.shards
    if not shards:
        raise ArchiveBroken(f"{archive.folder} has no pictures to export")
    if any(shard.split == UNASSIGNED for shard in shards):
        raise ArchiveBroken(f"{archive.folder} has pictures without a split; run python -m cafdata splits on it first")
    draft = out.with_name(f".{out.name}.part")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(parents=True)
    row_sets = [_copy(archive.folder, shards, draft / METADATA, with_pictures=False)]
    if with_pictures:
        row_sets.append(_copy(archive.folder, shards, draft / PICTURES, with_pictures=True))
    readme = archive.folder / README
    text = readme.read_text(encoding="utf-8") if readme.exists() else TITLE
    if has_regions(text):
        release = Release(generation=manifest.generation, row_sets=tuple(row_sets))
        contents = card_files(text, summarise(_records_in(draft, row_sets[0])), release)
        text = contents.pop(README).decode()
        for name, data in contents.items():
            write_atomic(draft / name, data)
    write_atomic(draft / README, with_configs(text, configs(*_by_split(row_sets))).encode())
    draft.rename(out)
    sync_folder(out.parent)
    return manifest.num_pictures


def _records_in(copy: Path, metadata: RowSet) -> Iterator[Record]:
    """The records that a copy has."""
    for file in metadata.files:
        with pq.ParquetFile(copy / metadata.folder / file.name) as parquet:
            for row_group in range(parquet.num_row_groups):
                yield from map(Record.from_row, parquet.read_row_group(row_group).to_pylist())


def _by_split(row_sets: Sequence[RowSet]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Files of each split, as the README names them: of the metadata, and of the pictures where they are given."""
    found: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
    for rows, files in zip(row_sets, found, strict=False):
        for file in rows.files:
            files.setdefault(file.name.partition("-")[0], []).append(f"{rows.folder}/{file.name}")
    return found


def _copy(archive: Path, shards: Sequence[Shard], folder: Path, *, with_pictures: bool) -> RowSet:
    """Shards with or without pictures into a folder."""
    folder.mkdir()
    schema = record_schema(with_pictures=with_pictures)
    files: list[DataFile] = []
    num_done: Counter[str] = Counter()
    for shard in shards:
        count = sum(other.split == shard.split for other in shards)
        path = folder / f"{shard.split}-{num_done[shard.split]:05d}-of-{count:05d}.parquet"
        num_done[shard.split] += 1
        with (
            replacing(path) as part,
            pq.ParquetWriter(part, schema, compression="zstd", use_dictionary=False) as writer,
        ):
            for table in read_tables(archive, shard, schema.names):
                writer.write_table(table.cast(schema))
        files.append(DataFile(name=path.name, num_bytes=path.stat().st_size, sha256=file_digest(path)))
    return RowSet(name=folder.name, folder=folder.name, files=tuple(files), has_pictures=with_pictures)
