"""What `python -m cafdata` does with an archive as it lies: verify, splits, takedown, export, queue, requests."""

import dataclasses
import json
import shlex
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    from cafdata.archive import Archive
    from cafdata.record import Record
    from cafdata.splits import Looks


def verify(archive: tyro.conf.Positional[Path]) -> int:
    """Check every digest, record and picture of an archive and its card; a line a finding, and exit status 1 if any.

    Args:
        archive: Archive folder.
    """
    from cafdata.archive import Archive

    opened = Archive(archive)
    count = 0
    for finding in opened.verify():
        count += 1
        print(json.dumps(dataclasses.asdict(finding)), flush=True)
    print(json.dumps({"archive": str(archive), "pictures": len(opened), "findings": count}))
    return 1 if count else 0


def splits(
    archive: tyro.conf.Positional[Path],
    salt: str | None = None,
    validation_share: float | None = None,
    test_share: float | None = None,
    check: bool = False,
    quick: bool = False,
    anew: bool = False,
) -> int:
    """Deal the people of an archive into train, validation and test; who shares a picture stays together.

    Who is in a split already only ever moves from test to validation and from there to train.

    Args:
        archive: Archive folder.
        salt: Mixed into the hash of names, instead of the archive's.
        validation_share: Share of people, 0 to 1, instead of the archive's.
        test_share: Share of people, 0 to 1, instead of the archive's.
        check: Change nothing; one line for each leak between splits, and exit status 1 if any.
        quick: Do not open the pictures: copies that were cropped are overlooked, people who look alike may be joined.
        anew: By the rule alone, whatever splits they are in; people who were trained on may then get into test.
    """
    from cafdata.archive import Archive
    from cafdata.manifest import SplitRule
    from cafdata.splits import assign_splits, leaks

    opened = Archive(archive)
    kept = opened.manifest.rule
    rule = SplitRule(
        salt=kept.salt if salt is None else salt,
        validation_share=kept.validation_share if validation_share is None else validation_share,
        test_share=kept.test_share if test_share is None else test_share,
    )
    records, looks = (list(opened.records()), None) if quick else _looked_at(opened)
    if check:
        found = leaks(records, looks)
        for leak in found:
            print(json.dumps(dataclasses.asdict(leak)))
        print(json.dumps({"archive": str(archive), "pictures": len(records), "leaks": len(found)}))
        return 1 if found else 0
    if rule != kept and not anew and any(record.split is not None for record in records):
        print("who is in a split moves only towards train, by this rule too; --anew deals all by it", file=sys.stderr)
    dealt = assign_splits(records, rule, looks, anew=anew)
    moved = opened.assign(dealt, rule)
    pictures = Counter(dealt[record.person_id] for record in records)
    print(
        json.dumps({"archive": str(archive), "moved": moved, "people": Counter(dealt.values()), "pictures": pictures})
    )
    return 0


def _looked_at(archive: "Archive") -> "tuple[list[Record], Looks]":
    """Every record, and how its picture looks."""
    from cafdata.splits import looks_of

    records, looks = [], {}
    for record, hashes in looks_of(archive.pictures()):
        records.append(record)
        looks[record.picture_id] = hashes
        if len(records) % 1000 == 0:
            print(f"looked at {len(records)} of {len(archive)} pictures", file=sys.stderr)
    return records, looks


def takedown(
    archive: tyro.conf.Positional[Path],
    sha256: tuple[str, ...] = (),
    person: tuple[str, ...] = (),
    url: tuple[str, ...] = (),
) -> int:
    """Remove pictures for good, with their copies and every trace, and keep them from coming back.

    Threshold tables in the archive go too, and its card is made anew; exit status 1 if something is left to you.

    Args:
        archive: Archive folder.
        sha256: Of pictures' bytes.
        person: Person ids; of people read in from a layout LAYOUT/NAME, such as fgnet/001.
        url: Addresses of photos, as the records have them.
    """
    from cafdata.archive import Archive
    from cafdata.takedown import Request
    from cafdata.takedown import takedown as take_down

    report = take_down(Archive(archive), Request(sha256=sha256, person=person, url=url))
    print(json.dumps(dataclasses.asdict(report)))
    for one in report.unmet:
        print(one, file=sys.stderr)
    if report.card_fault is not None:
        print(f"README.md still counts what went: {report.card_fault}", file=sys.stderr)
    for name in report.named_in:
        print(f"to be changed by you: {name} names, or seems to name, what went", file=sys.stderr)
    return 1 if report.card_fault or report.named_in else 0


def export(archive: tyro.conf.Positional[Path], out: tyro.conf.Positional[Path], pictures: bool = False) -> int:
    """Write a copy of an archive to give away, for datasets.load_dataset: metadata, and pictures if asked for.

    Args:
        archive: Archive folder.
        out: New folder.
        pictures: With the pictures.
    """
    from cafdata.archive import Archive
    from cafdata.features import export as write_export

    rows = write_export(Archive(archive), out, with_pictures=pictures)
    print(json.dumps({"out": str(out), "rows": rows, "with_pictures": pictures}))
    return 0


def queue(
    archive: tyro.conf.Positional[Path],
    all: bool = False,
    item: str | None = None,
    decision: str | None = None,
    by: str | None = None,
) -> int:
    """List what people have to look at, one line each; or write down what was decided of one item.

    Args:
        archive: Archive folder.
        all: Decided items too.
        item: Item that was decided, by its id.
        decision: keep or remove; of a pair same_person, different_people or same_picture.
        by: Who decided.
    """
    from cafdata.archive import Archive
    from cafdata.queue import ReviewQueue

    waiting = ReviewQueue(Archive(archive).folder)
    if item is not None or decision is not None or by is not None:
        if item is None or decision is None or by is None:
            raise ValueError("--item, --decision and --by come together")
        shown = [waiting.decide(item, decision, by, datetime.now(UTC).isoformat(timespec="seconds"))]
    else:
        shown = list(waiting.items() if all else waiting.open_items())
    for one in shown:
        print(json.dumps({"item": one.item_id, **dataclasses.asdict(one)}))
    return 0


def requests(archive: tyro.conf.Positional[Path], close: str | None = None) -> int:
    """List what people asked to have taken out, a line each with the command that does it; or close one request.

    A takedown drops the requests that it meets.

    Args:
        archive: Archive folder.
        close: Request that was answered otherwise, by its id; it is deleted.
    """
    from cafdata.archive import Archive
    from cafdata.removal_requests import RemovalRequests

    opened = Archive(archive)
    waiting = RemovalRequests(opened.folder)
    if close is not None:
        print(json.dumps({"request": close, "closed": dataclasses.asdict(waiting.close(close))}))
        return 0
    found = waiting.all()
    pictures = {one.value for one in found if one.asked == "picture_id"}
    digests = {one.picture_id: one.sha256 for one in opened.records() if one.picture_id in pictures} if pictures else {}
    for one in found:
        option, value = {
            "picture_id": ("--sha256", digests.get(one.value)),
            "person_id": ("--person", one.value),
            "source_url": ("--url", one.value),
        }[one.asked]
        command = None
        if value is not None:
            command = shlex.join(["python", "-m", "cafdata", "takedown", str(archive), option, value])
        print(json.dumps({"request": one.request_id, **dataclasses.asdict(one), "command": command}))
    return 0
