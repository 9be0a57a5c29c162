"""A recipe: what to collect from where, by which rules, into which archive. A TOML file.

archive = "my-archive"             # beside the recipe; made if it is not there

[source.wikimedia]                 # one table a source; see `python -m curation run --help`
max_people = 100

[fetch]
contact = "you@example.org"        # in the User-Agent of every request

[faces]
size_px = 256

[engine]
workers = 2
"""

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from core.errors import CurationBroken
from curation.engine import EngineRules
from curation.faces import FaceRules
from curation.fetch import FetchRules
from curation.sources.folder import Folder
from curation.sources.source import Source
from curation.sources.urls import UrlList
from curation.sources.wikimedia import Wikimedia

SOURCES: Final[Mapping[str, type]] = MappingProxyType({one.name: one for one in (Wikimedia, UrlList, Folder)})
"""Kinds of source by their name in a recipe; a new source is one class and its place here."""
MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckRules:
    """How pictures are held against each other. Raises ValueError for what cannot be."""

    false_accept_rate: float = 0.001
    """Rate of the threshold table by which faces of one person are told from others."""
    thresholds: Path | None = None
    """A threshold table for the pack; the bundled one if None."""
    childhood: bool = False
    """Keep pictures on which somebody may have been under 18. Nobody who is under 18 today is ever kept."""

    def __post_init__(self) -> None:
        if not 0 < self.false_accept_rate < 0.5:
            raise ValueError(f"false_accept_rate is above 0 and below 0.5, got {self.false_accept_rate}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What a recipe file says. Raises ValueError for what cannot be."""

    archive: Path
    """The archive that pictures end up in."""
    working: Path
    """Folder of everything in between; the archive's name with .work, if the recipe does not say."""
    sources: tuple[Source, ...]
    fetch: FetchRules | None = None
    """Needed by sources on the web."""
    faces: FaceRules = field(default_factory=FaceRules)
    checks: CheckRules = field(default_factory=CheckRules)
    engine: EngineRules = field(default_factory=EngineRules)
    pack: str = "auto"
    """Face pack, as `core.detect.open_pack` takes it."""
    estimator: str = "age-estimator-128"
    """Age estimator of the model folder."""
    shard_pictures: int = 256
    """Pictures that are done, and written, together."""
    base: Path | None = field(default=None, metadata={"is_said": False})
    """Folder of the recipe's file; what lies in it may be moved together with it."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError(f"it names no source; add a table such as [source.{next(iter(SOURCES))}]")
        if not 1 <= self.shard_pictures <= 100_000:
            raise ValueError(f"shard_pictures is 1 to 100,000, got {self.shard_pictures}")
        if self.working == self.archive or self.archive in self.working.parents:
            raise ValueError(f"working {self.working} lies in the archive, where embeddings may not be; move it")
        if self.fetch is None and any(source.name != Folder.name for source in self.sources):
            raise ValueError('it fetches from the web and names no contact; add [fetch] with contact = "you@..."')

    def settings(self) -> dict[str, Any]:
        """Everything that may change what comes out, as JSON has it. Where and how fast it is done is not in it."""
        return self._settings(self.base)

    def _settings(self, base: Path | None) -> dict[str, Any]:
        chosen = {
            "sources": [{"kind": source.name, **_plain(source, base)} for source in self.sources],
            "fetch": None if self.fetch is None else _plain(self.fetch, base),
            "faces": _plain(self.faces, base),
            "checks": _plain(self.checks, base),
            "pack": self.pack,
            "estimator": self.estimator,
            "shard_pictures": self.shard_pictures,
        }
        return chosen

    @property
    def digest(self) -> str:
        """SHA-256 of `settings`, hexadecimal."""
        return _digest_of(self.settings())

    @property
    def placed_digest(self) -> str:
        """The same with whole paths, as working folders were begun with at first."""
        return _digest_of(self._settings(None))


def read_recipe(path: Path) -> Recipe:
    """Read a recipe file; paths in it are relative to it.

    Raises:
        CurationBroken: it is missing, no TOML, names something that there is not, or a value that cannot be.
    """
    if not path.is_file():
        raise CurationBroken(f"There is no recipe {path}; check the path.")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise CurationBroken(f"{path} has more than {MAX_BYTES} bytes; that is no recipe.")
    try:
        return _recipe(tomllib.loads(data.decode()), path.absolute().parent)
    except (ValueError, TypeError) as error:
        raise CurationBroken(f"The recipe {path}: {error}.") from error


def with_engine(
    recipe: Recipe, kind: Literal["native", "ray"] | None, address: str | None, workers: int | None
) -> Recipe:
    """A recipe whose work is done elsewhere than it says; None leaves what it says. ValueError for what cannot be."""
    said = recipe.engine
    if address is None and kind != "native":
        address = said.address
    engine = dataclasses.replace(
        said, kind=kind or said.kind, address=address, workers=said.workers if workers is None else workers
    )
    return dataclasses.replace(recipe, engine=engine)


def _recipe(said: dict[str, Any], folder: Path) -> Recipe:
    given = dict(said)
    kinds = given.pop("source", {})
    if not isinstance(kinds, dict):
        raise ValueError(f"source is tables such as [source.folder], got {kinds!r}")
    sources = []
    for kind, tables in kinds.items():
        if kind not in SOURCES:
            raise ValueError(f"there is no source {kind!r}; there are {', '.join(SOURCES)}")
        for table in tables if isinstance(tables, list) else [tables]:
            sources.append(_made(SOURCES[kind], table, f"source.{kind}", folder))
    if "archive" not in given:
        raise ValueError('it does not say where to; add archive = "FOLDER"')
    archive = given["archive"]
    if isinstance(archive, str):
        given.setdefault("working", f"{archive.rstrip('/')}.work")
    recipe: Recipe = _made(Recipe, given | {"sources": tuple(sources)}, "", folder)
    return dataclasses.replace(recipe, base=folder)


def _made(kind: type, table: Any, where: str, folder: Path) -> Any:
    """A dataclass out of a table, every name and type checked."""
    if not isinstance(table, dict):
        raise ValueError(f"{where} is a table, got {table!r}")
    hints = {name: hint for name, hint in get_type_hints(kind).items() if name in _names(kind)}
    if unknown := sorted(set(table) - set(hints)):
        place = f" in [{where}]" if where else ""
        raise ValueError(f"{unknown[0]}{place} is unknown; there are {', '.join(sorted(hints))}")
    values = {name: _value(hints[name], value, f"{where}.{name}".lstrip("."), folder) for name, value in table.items()}
    missing = [
        one.name
        for one in dataclasses.fields(kind)
        if one.name not in values and one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ValueError(f"{missing[0]} is missing in [{where}]")
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"[{where}] {error}" if where else str(error)) from None


def _value(hint: Any, value: Any, where: str, folder: Path) -> Any:
    """A value of a table as a field of that type."""
    options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    for option in options:
        if dataclasses.is_dataclass(option) and isinstance(option, type) and isinstance(value, dict):
            return _made(option, value, where, folder)
        if option is Path and isinstance(value, str) and value:
            return folder / Path(value).expanduser()
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if get_origin(option) is tuple:
            if isinstance(value, list) and all(isinstance(one, str) for one in value):
                return tuple(value)
            if isinstance(value, tuple):
                return value
        kinds = tuple({type(one) for one in get_args(option)}) or option
        if (
            isinstance(kinds, type | tuple)
            and isinstance(value, kinds)
            and not (isinstance(value, bool) and kinds is not bool)
        ):
            return value
    named = " or ".join(getattr(option, "__name__", str(option)) for option in options if option is not type(None))
    raise ValueError(f"{where} is {value!r}, not {named}")


def _names(kind: type) -> set[str]:
    """Of the fields that a table may say."""
    return {one.name for one in dataclasses.fields(kind) if one.metadata.get("is_said", True)}


def _digest_of(settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _plain(rules: Any, base: Path | None) -> dict[str, Any]:
    """A dataclass as JSON has it; paths as text, those below a folder from there on."""
    values = dataclasses.asdict(rules)
    return {name: _place(value, base) if isinstance(value, Path) else value for name, value in values.items()}


def _place(path: Path, base: Path | None) -> str:
    return str(path if base is None or not path.is_relative_to(base) else path.relative_to(base))
