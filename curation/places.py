"""Where the local folders of a run lie: after all was moved, or mounted elsewhere, its list follows them."""

import json
from pathlib import Path
from typing import Final

from core.errors import CurationBroken
from core.files import write_atomic
from curation.run_folder import RunFolder
from curation.sources.folder import Folder

FILE: Final = "folders.json"
"""In the working folder: where each local folder of the recipe lay, in the recipe's order."""


def follow(run: RunFolder) -> None:
    """Bring the paths of listed pictures to where their folders lie; repeated after a kill, it changes nothing more.

    Only for who holds the folder, which is open.

    Raises:
        CurationBroken: the file, or a list, is damaged.
    """
    path = run.folder / FILE
    now = [str(source.folder.resolve()) for source in run.recipe.sources if isinstance(source, Folder)]
    before = _read(path) if path.exists() else now
    moved = {one: other for one, other in zip(before, now, strict=False) if one != other}
    for shard in run.shards() if moved else ():
        rows = run.read_listed(shard)
        run.write_rows_listed(shard, [row | {"path": _moved(row["path"], moved)} for row in rows])
    if before != now or (now and not path.exists()):
        write_atomic(path, json.dumps(now, ensure_ascii=False).encode())


def _moved(path: str | None, moved: dict[str, str]) -> str | None:
    for before, now in moved.items():
        if path is not None and Path(path).is_relative_to(before):
            return str(now / Path(path).relative_to(before))
    return path


def _read(path: Path) -> list[str]:
    try:
        told = json.loads(path.read_bytes())
        if not isinstance(told, list):
            raise ValueError("no list")
        return [str(one) for one in told]
    except ValueError as error:
        raise CurationBroken(f"{path} is damaged ({error}); delete it, and run with --anew if all was moved") from None
