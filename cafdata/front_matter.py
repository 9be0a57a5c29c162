"""The head of a README.md from which `datasets.load_dataset` learns what a folder holds."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from cafdata.record import SPLITS
from cafdata.schema import METADATA_COLUMNS
from core.errors import ArchiveBroken

FENCE: Final = "---\n"
END: Final = re.compile(r"^---(?:\n|\Z)", re.MULTILINE)
"""The line that ends a head."""
KEY: Final = re.compile(r"[\w-]+ *:")


def configs(metadata: Mapping[str, Sequence[str]], pictures: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The two ways to load: `metadata` without pictures, the default, and `pictures` with them.

    Args:
        metadata: files of each split for the first, as paths within the folder; both may be the same files,
            for of these only the columns of the metadata are read.
        pictures: files of each split for the second; empty where pictures are not given out.
    """
    ways: list[dict[str, Any]] = []
    if metadata:
        columns = {"columns": list(METADATA_COLUMNS)} if metadata == pictures else {}
        ways.append({"config_name": "metadata", "default": True, **columns, "data_files": _data_files(metadata)})
    if pictures:
        ways.append({"config_name": "pictures", "data_files": _data_files(pictures)})
    return ways


def text_of(readme: bytes) -> str:
    """The text of a README, with the line ends of Unix whichever it has; what is no UTF-8 is replaced."""
    return readme.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def with_configs(readme: str, ways: Sequence[Mapping[str, Any]]) -> str:
    """The README with these configs in its head; its text and all else in the head stay.

    Raises:
        ArchiveBroken: there is a head, but it is no YAML.
    """
    head, body = split_readme(readme)
    head["configs"] = [dict(way) for way in ways]
    if not ways:
        del head["configs"]
    return join_readme(head, body)


def split_readme(readme: str) -> tuple[dict[str, Any], str]:
    """Head and text of a README; the head is empty where there is none. Raises ArchiveBroken if it is no YAML."""
    if not readme.startswith(FENCE):
        return {}, readme
    rest = readme.removeprefix(FENCE)
    end = END.search(rest)
    head = rest if end is None else rest[: end.start()]
    values = _mapping(head)
    if end is not None and values is not None:
        return values, rest[end.end() :]
    if _begins_with_a_rule(head, is_closed=end is not None):
        return {}, readme
    raise ArchiveBroken(
        "the head of README.md, between its two lines of ---, is no YAML; mend or delete the file, "
        "or put an empty line below the first --- if that is to be a line across the page"
    )


def join_readme(head: Mapping[str, Any], body: str) -> str:
    """Inverse of `split_readme`."""
    written = yaml.safe_dump(dict(head), sort_keys=False, allow_unicode=True, width=120) if head else ""
    return FENCE + written + FENCE + body


def _mapping(head: str) -> dict[str, Any] | None:
    """What the lines of a head say; None where they are not those of one."""
    if not head.strip():
        return {}
    try:
        values = yaml.safe_load(head)
    except yaml.YAMLError:
        return None
    return values if isinstance(values, dict) else None


def _begins_with_a_rule(lines: str, *, is_closed: bool) -> bool:
    """Whether the first --- is a line across the page, by what follows, which is no head that can be read.

    Where a second --- comes that is so before an empty line, and before a heading if no key comes after it, which
    would make it a comment; where none comes, before all but a key.
    """
    if lines.startswith("\n"):
        return True
    has_key = any(map(KEY.match, lines.splitlines())) if is_closed else KEY.match(lines) is not None
    return not has_key and (not is_closed or lines.startswith("#"))


def _data_files(files: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    order = [*SPLITS, *sorted(set(files) - set(SPLITS))]
    return [{"split": split, "path": list(files[split])} for split in order if files.get(split)]
