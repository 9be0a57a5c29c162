"""The tables of Face++'s answers, in the reference's formats with a header and one more column:

    k,filename,age,status
    0,anna.jpg,31,ok
    1,wall.png,,no_face

and `k,filename,confidence,status`. `k` counts the rows from 0. A row without a number has none: the cell is empty.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from core.files import write_atomic
from training.facepp import Method
from training.facepp_outcome import Outcome

VALUE_COLUMN: dict[Method, str] = {"detect": "age", "compare": "confidence"}


def write_table(path: Path, method: Method, rows: Iterable[tuple[str, Outcome]]) -> None:
    """Write the CSV, whole or not at all.

    Args:
        rows: for each, the picture's path as `path_cell` makes it, and what became of it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("k", "filename", VALUE_COLUMN[method], "status"))
    for number, (cell, outcome) in enumerate(rows):
        writer.writerow((number, cell, "" if outcome.value is None else outcome.value, outcome.cell))
    write_atomic(path, text.getvalue().encode())
