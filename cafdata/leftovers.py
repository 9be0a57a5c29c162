"""What a killed writer leaves in an archive, and the README that it had no time to bring up to date."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cafdata.front_matter import configs, with_configs
from cafdata.manifest import Manifest
from cafdata.shards import FOLDER
from core.files import write_atomic

README: Final = "README.md"
TITLE: Final = "# An archive of faces across ages\n"
THRESHOLDS: Final = "thresholds"
DERIVED: Final = ("pairs", THRESHOLDS)
"""Folders for what was computed from the pictures."""
CARD: Final = ("croissant.json", "coverage.png", "summary.json")
MARKED: Final = b"<!-- cafdata:"
"""Begins every mark that the card makes in a README, see cafdata.card."""


def mend(folder: Path, manifest: Manifest) -> None:
    """Make README and shards what the manifest says. Only for who holds the archive's lock.

    In this order: until the README names the new shards, those that it names are there.
    """
    readme = folder / README
    found = readme.read_text(encoding="utf-8") if readme.exists() else None
    files: dict[str, list[str]] = {}
    for shard in manifest.shards:
        files.setdefault(shard.split, []).append(f"{FOLDER}/{shard.name}")
    wanted = with_configs(TITLE if found is None else found, configs(files, files))
    if wanted != found:
        write_atomic(readme, wanted.encode())
    for path in leftovers(folder, manifest):
        path.unlink()


def leftovers(folder: Path, manifest: Manifest) -> Iterator[Path]:
    """Drafts, and shards that the manifest does not name."""
    named = {shard.name for shard in manifest.shards}
    for place in (folder, *(folder / name for name in (FOLDER, *DERIVED))):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            is_shard = place.name == FOLDER and path.suffix == ".parquet"
            if is_draft(path) or (is_shard and path.name not in named):
                yield path


def is_draft(path: Path) -> bool:
    """Whether a file is what `core.files.replacing` lends, left by a process that was killed."""
    return path.name.startswith(".") and path.name.endswith(".part")


def may_have_card(folder: Path) -> bool:
    """Whether there is anything of a card; a quick look that spares a reader what drawing one brings along."""
    readme = folder / README
    return any((folder / name).exists() for name in CARD) or (readme.exists() and MARKED in readme.read_bytes())
