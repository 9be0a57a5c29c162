"""croissant.json: the data set in the words of MLCommons Croissant 1.0 with its responsible-AI fields.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html and croissant-rai-spec.html.
"""

import json
import re
from collections.abc import Mapping
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


def croissant(
    manifest: Manifest, found: Summary, sections: Mapping[str, str], head: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe an archive.

    Args:
        manifest: of the archive; its shards become files with their sha256.
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
        "version": f"{manifest.generation}.0.0",
        "keywords": [*head["tags"]],
        "isLiveDataset": False,
        "distribution": [*_files(manifest)],
        "recordSet": [*_groups(), _pictures()] if manifest.shards else [],
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


def _files(manifest: Manifest) -> list[dict[str, Any]]:
    shards = [
        {
            "@type": "cr:FileObject",
            "@id": f"{FOLDER}/{shard.name}",
            "name": shard.name,
            "contentUrl": f"{FOLDER}/{shard.name}",
            "contentSize": f"{shard.num_bytes} B",
            "encodingFormat": PARQUET,
            "sha256": shard.sha256,
        }
        for shard in manifest.shards
    ]
    if not shards:
        return []
    every = {"@type": "cr:FileSet", "@id": "shards", "encodingFormat": PARQUET, "includes": f"{FOLDER}/*.parquet"}
    return [*shards, every]


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


def _pictures() -> dict[str, Any]:
    """The record set of the pictures: every column of one value, and the picture."""
    fields = []
    for column in record_schema():
        kind = "sc:ImageObject" if column.name == "image" else KINDS.get(column.type)
        if kind is None:
            continue
        source: dict[str, Any] = {"fileSet": {"@id": "shards"}, "extract": {"column": column.name}}
        if column.name == "image":
            source["transform"] = {"jsonPath": "bytes"}
        field = {"@type": "cr:Field", "@id": f"pictures/{column.name}", "dataType": kind, "source": source}
        if column.name in CLASSES:
            field["references"] = {"field": {"@id": f"{column.name}s/number"}}
        fields.append(field)
    return {
        "@type": "cr:RecordSet",
        "@id": "pictures",
        "description": "One row a picture. Columns of lists (box, points, quality, labels) are in the files only.",
        "key": {"@id": "pictures/picture_id"},
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
