"""Ages that a network reads off an archive's pictures, kept as scores: they order the queue and are shown to nobody."""

import dataclasses
from typing import Final

from cafdata.archive import Archive
from cafdata.summary import AGE_READ
from curation.labelling.backend import ReadAge

CHUNK: Final = 500
"""Pictures between two changes of the archive; what was read before a break is kept."""


def read_ages(archive: Archive, read: ReadAge, estimator: str) -> int:
    """Add the score "age read by ESTIMATOR" to every record that lacks it; gives back how many have got it.

    Pictures without a face get none, and are looked at again the next time.

    Raises:
        ArchiveBroken: the archive is damaged, or another process writes.
    """
    score = f"{AGE_READ}{estimator}"
    lacking = [one.picture_id for one in archive.records() if score not in dict(one.quality)]
    count = 0
    for start in range(0, len(lacking), CHUNK):
        years: dict[str, float] = {}
        for picture in archive.pictures(lacking[start : start + CHUNK]):
            found = read(picture.data)
            if found is not None:
                years[picture.record.picture_id] = float(found.years)
        # Reading takes minutes, in which labels may have been pulled: the records are taken as they are now.
        changed = [
            dataclasses.replace(one, quality=(*one.quality, (score, years[one.picture_id])))
            for one in archive.records()
            if one.picture_id in years
        ]
        count += archive.update(changed) if changed else 0
    return count
