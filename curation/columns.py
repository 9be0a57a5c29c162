"""Columns of the tables in a run's working folder."""

from typing import Final

import pyarrow as pa

CANDIDATE: Final = pa.schema(
    [
        ("shard", pa.int32()),
        ("position", pa.int32()),
        *(
            (name, pa.string())
            for name in (
                "picture_id", "person_id", "url", "path", "source_url", "source_revision", "author", "licence",
                "licence_url", "attribution", "sex", "ethnicity", "born", "died", "captured",
            )
        ),
        ("age_min_years", pa.float64()),
        ("age_max_years", pa.float64()),
        ("doubts", pa.list_(pa.string())),
        ("etag", pa.string()),
        ("last_modified", pa.string()),
        ("refusal", pa.string()),
    ]
)  # fmt: skip
"""Columns of `listed`. `etag` and `last_modified` are there when a picture that was fetched before is asked for again,
`refusal` says why one that was listed is not to be asked for any more."""

DROP: Final = pa.struct(
    [("stage", pa.string()), ("reason", pa.string()), ("detail", pa.string()), ("is_passing", pa.bool_())]
)
ANSWER: Final = pa.struct(
    [("url", pa.string()), ("content_type", pa.string()), ("etag", pa.string()), ("last_modified", pa.string())]
)
"""What a server said of a picture; None for a local file and where there was no answer."""

SEEN: Final = pa.schema(
    [
        ("photo_sha256", pa.string()),
        ("looks", pa.list_(pa.string())),
        ("photo_width_px", pa.int32()),
        ("photo_height_px", pa.int32()),
        ("face", pa.binary()),
        ("sha256", pa.string()),
        ("long_hash", pa.string()),
        ("size_px", pa.int32()),
        ("framing", pa.string()),
        ("box", pa.list_(pa.float64())),
        ("points", pa.list_(pa.list_(pa.float64()))),
        ("points_convention", pa.string()),
        ("num_faces", pa.int32()),
        ("quality", pa.list_(pa.struct([("name", pa.string()), ("value", pa.float64())]))),
        ("age_read_years", pa.float64()),
        ("age_read_low_years", pa.float64()),
        ("age_read_high_years", pa.float64()),
        ("estimator", pa.string()),
    ]
)
"""Fields of curation.seen.Seen but for the embedding."""
SEEN_NAMES: Final = frozenset(SEEN.names)
LISTED_NAMES: Final = tuple(CANDIDATE.names)
OUTCOME: Final = pa.schema([*CANDIDATE, ("answer", ANSWER), ("drop", DROP), *SEEN])
"""Columns of `seen`: where `drop` is there, the last ones are empty."""
OUTCOME_NAMES: Final = tuple(OUTCOME.names)
