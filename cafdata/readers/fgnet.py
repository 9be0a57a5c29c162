"""FG-NET: 001A02.JPG is person 001 at 2 years; 001a02.pts, where there is one, holds 68 points of the face."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cafdata.readers.found import Fault, Finding, Found, Points, number, pictures_in, shown, whole_age, word

NAME: Final = re.compile(r"(?P<person>\d{3})[Aa](?P<age>\d{2})(?P<letter>[A-Za-z]?)", re.ASCII)
POINTS_FILE: Final = re.compile(r"version:\s*\d+\s+n_points:\s*(?P<count>\d+)\s*\{(?P<points>[^{}]*)\}\s*", re.ASCII)
NUM_POINTS: Final = 68
FIVE: Final = (31, 36, 67, 48, 54)
"""Pupils, nose tip and mouth corners in the XM2VTS markup that FG-NET uses; those in pairs are ordered by x."""


def find_fgnet(folder: Path) -> Iterator[Finding]:
    """All pictures; points are looked for beside a picture and in a `points` folder beside its folder."""
    for path in pictures_in(folder):
        relative = path.relative_to(folder)
        try:
            person, age_years = parse_fgnet(relative)
            points = _points_of(path)
            key = word(relative.as_posix(), "file name")
        except ValueError as error:
            yield Fault(where=relative.as_posix(), reason=str(error))
            continue
        yield Found(
            where=relative.as_posix(),
            key=key,
            person=person,
            age_min_years=age_years,
            age_max_years=age_years,
            age_provenance="given",
            read=path.read_bytes,
            points=points,
        )


def parse_fgnet(relative: Path) -> tuple[str, float]:
    """Person and age in years of a picture; a letter after the age counts pictures. Raises ValueError."""
    match = NAME.fullmatch(relative.stem)
    if match is None:
        raise ValueError(f"the name {shown(relative.name)} is not <person>A<age>, such as 001A02")
    return match["person"], whole_age(match["age"])


def parse_points(text: str) -> Points:
    """Five points out of the text of a points file.

    Args:
        text: version, number of points, and in braces 68 lines of x and y, pixels.
    Returns:
        Five (x, y): subject's right eye (image left), left eye, nose tip, right and left mouth corner.
    Raises:
        ValueError: another form, another number of points, or what is no number.
    """
    match = POINTS_FILE.fullmatch(text.strip())
    if match is None:
        raise ValueError("its points file is not 'version, n_points, {x y ...}'")
    lines = [line.split() for line in match["points"].strip().splitlines()]
    if len(lines) != NUM_POINTS or int(match["count"]) != NUM_POINTS or any(len(line) != 2 for line in lines):
        raise ValueError(f"its points file holds {len(lines)} of {match['count']} points, not {NUM_POINTS} pairs")
    points = [(number(x, "point"), number(y, "point")) for x, y in lines]
    eye, other_eye, nose, mouth, other_mouth = (points[index] for index in FIVE)
    return (*sorted((eye, other_eye)), nose, *sorted((mouth, other_mouth)))


def _points_of(path: Path) -> Points | None:
    places = (path.parent, path.parent.parent / "points", path.parent.parent / "Points")
    for place in places:
        for stem in (path.stem, path.stem.lower()):
            file = place / f"{stem}.pts"
            if file.is_file():
                return parse_points(file.read_text(encoding="utf-8", errors="replace"))
    return None
