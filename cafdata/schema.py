"""The record as Arrow columns, with the types that Hugging Face `datasets` reads from the file itself."""

import json
from typing import Any, Final

import pyarrow as pa

from cafdata.record import FIELD_NAMES
from core.ages import FOUR, TEN

TEXT: Final = pa.string()
YEARS: Final = pa.float64()
LABEL: Final = pa.struct(
    [
        ("annotator", TEXT),
        ("verdict", TEXT),
        ("age_years", YEARS),
        ("confidence", pa.int64()),
        ("labelled_at", TEXT),
    ]
)
COLUMNS: Final[dict[str, pa.DataType]] = {
    "version": pa.int64(),
    "age_min_years": YEARS,
    "age_max_years": YEARS,
    "box": pa.list_(pa.float64()),
    "points": pa.list_(pa.list_(pa.float64())),
    "width_px": pa.int64(),
    "height_px": pa.int64(),
    "quality": pa.list_(pa.struct([("name", TEXT), ("value", pa.float64())])),
    "labels": pa.list_(LABEL),
    "is_synthetic": pa.bool_(),
}
"""Types of the fields that are not text."""

METADATA_COLUMNS: Final = (*FIELD_NAMES, "group10", "group4")
"""Every column but the picture."""

CLASSES: Final = {"group10": TEN.names, "group4": FOUR.names}
"""Columns of numbers that stand for names."""


def record_schema(*, with_pictures: bool = True) -> pa.Schema:
    """Columns of a shard: the fields of a record, its groups as numbers, and `image`, a struct of bytes and path."""
    columns = [pa.field(name, COLUMNS.get(name, TEXT)) for name in FIELD_NAMES]
    columns += [pa.field(name, pa.int64()) for name in CLASSES]
    if with_pictures:
        columns.append(pa.field("image", pa.struct([("bytes", pa.binary()), ("path", TEXT)])))
    features = {column.name: _feature(column.name, column.type) for column in columns}
    return pa.schema(columns, {"huggingface": json.dumps({"info": {"features": features}})})


def _feature(name: str, kind: pa.DataType) -> dict[str, Any]:
    """A column's type in the words of Hugging Face."""
    if name == "image":
        return {"_type": "Image"}
    if name in CLASSES:
        return {"names": list(CLASSES[name]), "_type": "ClassLabel"}
    if pa.types.is_list(kind):
        return {"feature": _feature("", kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {child.name: _feature("", child.type) for child in kind}
    words = {pa.string(): "string", pa.float64(): "float64", pa.int64(): "int64", pa.bool_(): "bool"}
    return {"dtype": words[kind], "_type": "Value"}
