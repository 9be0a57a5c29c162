"""Tables of labels that lie beside pictures: CSV read row by row, each row with its place for messages."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from cafdata.readers.found import Fault, shown
from core.errors import DataBroken

Row = dict[str, str]


def rows_of(file: Path, columns: Sequence[str]) -> Iterator[tuple[str, Row] | Fault]:
    """The rows of a CSV file with a header, column names in small letters and without spaces around them.

    Args:
        file: UTF-8, with or without a byte order mark.
        columns: those that must be there.
    Yields:
        Place ("labels.csv, line 7") and row, or a fault where a row has more or fewer cells than the header.
    Raises:
        DataBroken: the file is not there, not UTF-8, empty, lacks a column, or is no CSV.
    """
    if not file.is_file():
        raise DataBroken(f"there is no {file.name} in {file.parent}; it holds the labels of this layout")
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        try:
            header = [name.strip().lower() for name in next(reader, [])]
            missing = [name for name in columns if name not in header]
            if missing:
                raise DataBroken(f"{file.name} lacks the column(s) {', '.join(missing)}")
            for cells in reader:
                where = f"{file.name}, line {reader.line_num}"
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    yield Fault(where=where, reason=f"it has {len(cells)} cells, the header {len(header)}")
                    continue
                yield where, dict(zip(header, (cell.strip(" ") for cell in cells), strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataBroken(f"{file.name} is no CSV in UTF-8: {shown(str(error))}") from error


def only_file(folder: Path, patterns: Sequence[str]) -> Path | None:
    """The one file of a folder whose name fits a pattern, None if there is none.

    Raises:
        DataBroken: several fit.
    """
    found = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    if len(found) > 1:
        raise DataBroken(f"{folder} holds {', '.join(path.name for path in found)}; leave one of these label files")
    return found[0] if found else None
