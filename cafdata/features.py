"""An archive for Hugging Face `datasets`: typed features, and a copy of it to give away.

An archive folder loads as it lies: `datasets.load_dataset(FOLDER, "metadata")`, without pictures, or `"pictures"`.
`export` writes a folder for others, which holds what is published and nothing else: no review queue, no tombstones,
no derived files, and the metadata in files of their own, so that the pictures can be left out or put behind a gate.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
from datasets import Features

from cafdata.archive import Archive
from cafdata.front_matter import configs, with_configs
from cafdata.leftovers import README, TITLE
from cafdata.manifest import UNASSIGNED, Shard
from cafdata.schema import record_schema
from cafdata.shards import read_tables
from core.errors import ArchiveBroken

METADATA: Final = "metadata"
PICTURES: Final = "pictures"


def record_features(*, with_pictures: bool) -> Features:
    """The columns as `datasets` types them: groups as ClassLabel, the picture as Image."""
    return Features.from_arrow_schema(record_schema(with_pictures=with_pictures))


def export(archive: Archive, out: Path, *, with_pictures: bool) -> int:
    """Write a copy to give away: README, metadata and, if asked for, pictures. Gives back how many rows.

    The copy appears at once when it is whole; what a killed export left is cleared by the next.

    Raises:
        ArchiveBroken: `out` is there already, there are no pictures or some without a split, or a shard is damaged.
    """
    if out.exists():
        raise ArchiveBroken(f"{out} is there already; choose a new folder or delete it")
    shards = archive.manifest.shards
    if not shards:
        raise ArchiveBroken(f"{archive.folder} has no pictures to export")
    if any(shard.split == UNASSIGNED for shard in shards):
        raise ArchiveBroken(f"{archive.folder} has pictures without a split; run python -m cafdata splits on it first")
    draft = out.with_name(f".{out.name}.part")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(parents=True)
    metadata = _copy(archive.folder, shards, draft / METADATA, with_pictures=False)
    pictures = _copy(archive.folder, shards, draft / PICTURES, with_pictures=True) if with_pictures else {}
    readme = archive.folder / README
    text = readme.read_text(encoding="utf-8") if readme.exists() else TITLE
    (draft / README).write_text(with_configs(text, configs(metadata, pictures)), encoding="utf-8")
    draft.rename(out)
    return sum(shard.num_rows for shard in shards)


def _copy(archive: Path, shards: Sequence[Shard], folder: Path, *, with_pictures: bool) -> dict[str, list[str]]:
    """Shards with or without pictures into a folder; gives back the files of each split, as the README names them."""
    folder.mkdir()
    schema = record_schema(with_pictures=with_pictures)
    files: dict[str, list[str]] = {}
    for shard in shards:
        count = sum(other.split == shard.split for other in shards)
        name = f"{shard.split}-{len(files.setdefault(shard.split, [])):05d}-of-{count:05d}.parquet"
        files[shard.split].append(f"{folder.name}/{name}")
        with pq.ParquetWriter(folder / name, schema, compression="zstd", use_dictionary=False) as writer:
            for table in read_tables(archive, shard, schema.names):
                writer.write_table(table.cast(schema))
    return files
