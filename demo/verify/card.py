"""Where generated faces fall: figures of rectified verification, read out of a model's card.

The card is Markdown that an evaluation wrote (training evaluate); the page repeats its figures and computes none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.ages import TEN
from core.weights import ModelInfo

SECTION = re.compile(r"^### Rectified verification \((?P<recogniser>[^)]+)\)\n(?P<body>.*?)(?=^###? |\Z)", re.M | re.S)
RATE = re.compile(r"false accepts at (?P<rate>[0-9.e-]+)")
INPUTS = re.compile(r"^Inputs of (?P<group>\S+), as in the paper:\n(?P<tables>.*?)(?=^\S+ inputs|\Z)", re.M | re.S)
MAX_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """How faces of one group, made another, score against their inputs."""

    num_outputs: int
    """So many were made."""
    mean_score: float
    """Their mean cosine to the input."""
    passes_one_size: float
    """Part, 0..1, that passes the one threshold for all ages."""
    passes_rectified: float
    """Part that passes the threshold of the two groups."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CardFigures:
    """What a card says of rectified verification."""

    model: str
    """Whose card."""
    recogniser: str
    """Whose scores."""
    rate: float
    """Of false accepts."""
    source_group: int
    """Group of the inputs."""
    by_target: dict[int, Made]
    """Target group -> how its faces fall."""

    def of(self, recogniser: str, rate: float, source_group: int, target_group: int) -> Made | None:
        """The figures for just these; None where the card has none."""
        asked = (recogniser, source_group)
        is_same = asked == (self.recogniser, self.source_group) and abs(rate - self.rate) < 1e-9
        return self.by_target.get(target_group) if is_same else None


def figures_of(info: ModelInfo) -> CardFigures | None:
    """What the model's card says; None without a card, or where it says nothing of this."""
    path = info.folder / info.card
    if not info.card or not path.is_file():
        return None
    return read_figures(path, info.name)


def read_figures(path: Path, model: str) -> CardFigures | None:
    """The same of a card's file."""
    with path.open(encoding="utf-8") as file:
        section = SECTION.search(file.read(MAX_BYTES))
    if section is None:
        return None
    rate, inputs = RATE.search(section["body"]), INPUTS.search(section["body"])
    if rate is None or inputs is None or inputs["group"] not in TEN.names:
        return None
    rows: dict[str, dict[str, str]] = {}
    for row in rows_of(inputs["tables"]):
        rows.setdefault(row["target group"], {}).update(row)
    return CardFigures(
        model=model,
        recogniser=section["recogniser"],
        rate=float(rate["rate"]),
        source_group=TEN.index_of_name(inputs["group"]),
        by_target={TEN.index_of_name(name): made_of(row) for name, row in rows.items() if name in TEN.names},
    )


def made_of(row: dict[str, str]) -> Made:
    """One row of the two tables taken together."""
    return Made(
        num_outputs=int(row["outputs"]),
        mean_score=float(row["score"]),
        passes_one_size=float(row["pass one for all"].rstrip("%")) / 100,
        passes_rectified=float(row["pass rectified"].rstrip("%")) / 100,
    )


def rows_of(markdown: str) -> Iterator[dict[str, str]]:
    """Rows of the tables in a piece of Markdown, by the names of their columns; of two of one name the first."""
    names: list[str] = []
    for line in markdown.splitlines():
        if not line.startswith("|"):
            names = []
            continue
        values = [value.strip() for value in line.strip().strip("|").split("|")]
        if not names:
            names = values
        elif not set("".join(values)) <= set("-: "):
            yield dict(reversed(list(zip(names, values, strict=True))))
