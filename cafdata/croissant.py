"""croissant.json: the data set in the words of MLCommons Croissant 1.0 with its responsible-AI fields.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html and croissant-rai-spec.html.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from cafdata.manifest import Manifest
from cafdata.schema import CLASSES, record_schema
from cafdata.shards import FOLDER
from cafdata.summary import Summary

CROISSANT: Final = "croissant.json"
CONFORMS_TO: Final = ("http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0")
CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
RESPONSIBLE: Final = {
    "dataCollection": "collection",
    "dataAnnotationProtocol": "labels",
    "dataPreprocessingProtocol": "preprocessing",
    "dataUseCases": "motivation",
    "dataBiases": "biases",
    "dataLimitations": "prohibited",
    "dataSocialImpact": "people",
    "personalSensitiveInformation": "personal",
    "dataReleaseMaintenancePlan": "removal",
}
"""Field of the responsible-AI vocabulary -> section of the card that answers it."""
KINDS: Final = {pa.string(): "sc:Text", pa.float64(): "sc:Float", pa.int64(): "sc:Integer", pa.bool_(): "sc:Boolean"}
PARQUET: Final = "application/x-parquet"


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFile:
    """One Parquet file."""

    name: str
    """Within its folder."""
    num_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RowSet:
    """Parquet files of one folder that hold the same columns."""

    name: str
    """Of the record set: metadata or pictures."""
    folder: str
    """Where the files lie, below the folder that is described."""
    files: tuple[DataFile, ...]
    has_pictures: bool
    """Whether the files hold the pictures too."""

    @property
    def file_set(self) -> str:
        """What all its files together are called."""
        return f"{self.folder}/*.parquet"


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A state of an archive, as it lies or as it is given away."""

    generation: int
    """Of the manifest; becomes the version."""
    row_sets: tuple[RowSet, ...]
    """Empty without pictures."""


def release_of(manifest: Manifest) -> Release:
    """An archive as it lies."""
    files = tuple(
        DataFile(name=shard.name, num_bytes=shard.num_bytes, sha256=shard.sha256) for shard in manifest.shards
    )
    shards = RowSet(name="pictures", folder=FOLDER, files=files, has_pictures=True)
    return Release(generation=manifest.generation, row_sets=(shards,) if files else ())


def croissant(release: Release, found: Summary, sections: Mapping[str, str], head: Mapping[str, Any]) -> dict[str, Any]:
    """Describe an archive.

    Args:
        release: its files, which are named with their sha256.
        found: what its records say.
        sections: words of the card by section, see `cafdata.card`.
        head: of the card.
    """
    name = str(head["pretty_name"])
    described: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [*CONFORMS_TO],
        "name": re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "faces",
        "alternateName": name,
        "description": plain(sections["summary"]),
        "license": [one.licence_url or one.licence for one in found.licences],
        "citeAs": plain(sections["citation"]),
        "version": _version(release),
        "keywords": [*head["tags"]],
        "isLiveDataset": False,
        "distribution": [entry for rows in release.row_sets for entry in _files(rows)],
        "recordSet": [*_groups(), *map(_records, release.row_sets)] if release.row_sets else [],
    }
    described |= {f"rai:{field}": plain(sections[section]) for field, section in RESPONSIBLE.items()}
    described["rai:dataCollectionType"] = _collection_types(found)
    described["rai:machineAnnotationTools"] = (
        ["age estimator"] if found.pictures_per_provenance.get("estimator") else []
    )
    return {key: value for key, value in described.items() if value not in ("", [])}


def encode(described: Mapping[str, Any]) -> bytes:
    """As the bytes of croissant.json."""
    return (json.dumps(described, indent=2, ensure_ascii=False) + "\n").encode()


def plain(markdown: str) -> str:
    """Markdown of a card as text: no pictures, no emphasis, tables as lines of cells."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", markdown)
    text = re.sub(r"^\|(?: ?-+:? ?\|)+$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\| (.*) \|$", lambda row: row[1].replace(" | ", "; "), text, flags=re.MULTILINE)
    text = re.sub(r"(?<!\\)\*\*", "", text)
    text = re.sub(r"\\([\\`*_{}\[\]()#+!|~$:@-])", r"\1", text)
    return re.sub(r"\n{2,}", "\n\n", text).strip()


def differences(data: bytes, release: Release) -> Iterator[str]:
    """What a croissant.json says otherwise than a state of the archive: version and files."""
    try:
        values = json.loads(data)
        entries = [entry for entry in values.get("distribution", ()) if entry["@type"] == "cr:FileObject"]
        described = {entry["contentUrl"]: entry["sha256"] for entry in entries}
        version = values.get("version")
    except (AttributeError, KeyError, TypeError, ValueError):
        yield "it is no description of a data set"
        return
    wanted = {f"{rows.folder}/{file.name}": file.sha256 for rows in release.row_sets for file in rows.files}
    for path in sorted(described.keys() - wanted.keys()):
        yield f"it names {path}, which the manifest does not"
    for path in sorted(wanted.keys() - described.keys()):
        yield f"it does not name {path}"
    for path in sorted(path for path in described.keys() & wanted.keys() if described[path] != wanted[path]):
        yield f"it gives {path} another sha256 than the manifest"
    if version != _version(release):
        yield f"it describes version {version} of the archive, which is at {_version(release)}"


def _version(release: Release) -> str:
    return f"{release.generation}.0.0"


def _files(rows: RowSet) -> list[dict[str, Any]]:
    files = [
        {
            "@type": "cr:FileObject",
            "@id": f"{rows.folder}/{file.name}",
            "name": file.name,
            "contentUrl": f"{rows.folder}/{file.name}",
            "contentSize": f"{file.num_bytes} B",
            "encodingFormat": PARQUET,
            "sha256": file.sha256,
        }
        for file in rows.files
    ]
    every = {"@type": "cr:FileSet", "@id": rows.file_set, "encodingFormat": PARQUET, "includes": rows.file_set}
    return [*files, every]


def _groups() -> list[dict[str, Any]]:
    """A record set for each way to group ages: number and name."""
    return [
        {
            "@type": "cr:RecordSet",
            "@id": f"{column}s",
            "dataType": "sc:Enumeration",
            "key": {"@id": f"{column}s/number"},
            "field": [
                {"@type": "cr:Field", "@id": f"{column}s/number", "dataType": "sc:Integer"},
                {"@type": "cr:Field", "@id": f"{column}s/name", "dataType": "sc:Text"},
            ],
            "data": [
                {f"{column}s/number": number, f"{column}s/name": name} for number, name in enumerate(CLASSES[column])
            ],
        }
        for column in CLASSES
    ]


def _records(rows: RowSet) -> dict[str, Any]:
    """The record set of some files: every column of one value, and the picture where they hold it."""
    fields = []
    for column in record_schema(with_pictures=rows.has_pictures):
        kind = "sc:ImageObject" if column.name == "image" else KINDS.get(column.type)
        if kind is None:
            continue
        source: dict[str, Any] = {"fileSet": {"@id": rows.file_set}, "extract": {"column": column.name}}
        if column.name == "image":
            source["transform"] = {"jsonPath": "bytes"}
        field = {"@type": "cr:Field", "@id": f"{rows.name}/{column.name}", "dataType": kind, "source": source}
        if column.name in CLASSES:
            field["references"] = {"field": {"@id": f"{column.name}s/number"}}
        fields.append(field)
    return {
        "@type": "cr:RecordSet",
        "@id": rows.name,
        "description": "One row a picture. Columns of lists (box, points, quality, labels) are in the files only.",
        "key": {"@id": f"{rows.name}/picture_id"},
        "field": fields,
    }


def _collection_types(found: Summary) -> list[str]:
    """In the words of the vocabulary."""
    kinds = []
    if found.synthetic_pictures < found.pictures:
        kinds.append("Secondary Data Analysis")
    if found.synthetic_pictures:
        kinds.append("Synthetic Data")
    return kinds
