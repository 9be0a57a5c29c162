"""What `python -m curation` does with the Hub: publish an archive, and take pictures out of what was published."""

import dataclasses
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import tyro

CONVERTED: Final = "refs/convert/"
"""The Hub's own copies in other formats; it makes them anew from what is on main."""


def publish(
    archive: tyro.conf.Positional[Path],
    repo: str,
    public: bool = False,
    childhood: bool = False,
    dry_run: bool = False,
) -> int:
    """Publish an archive on the Hugging Face Hub: metadata as ORG/NAME, pictures, gated, as ORG/NAME-pictures.

    Only what passes every gate goes up; what holds it back is listed, a line each, with exit status 1. The
    repositories are private until you say --public. The token is read from HF_TOKEN.

    Args:
        archive: Archive folder.
        repo: ORG/NAME of the repository for the metadata.
        public: Let everybody see the repositories once the version is in them; pictures stay behind their gate.
        childhood: Publish pictures of today's adults as children too, gated, as ORG/NAME-childhood.
        dry_run: Only go through the gates; ask the Hub for nothing.
    """
    from cafdata.archive import Archive
    from curation.publishing.hub import Hub
    from curation.publishing.publish import Order, admitted
    from curation.publishing.publish import publish as put_up
    from curation.publishing.refusals import ReleaseRefused

    order, opened, today = (
        Order(repo=repo, public=public, childhood=childhood),
        Archive(archive),
        datetime.now(UTC).date(),
    )
    try:
        if dry_run:
            found = admitted(opened, today, childhood=childhood)
            counts = {"pictures": len(found.grown), "childhood_pictures": len(found.childhood)}
            _tell(counts | {"left_out": found.left_out})
        else:
            _tell(dataclasses.asdict(put_up(opened, order, Hub.from_environment(), today, _to_stderr)))
    except ReleaseRefused as error:
        for fault in error.faults:
            _tell(dataclasses.asdict(fault))
        raise
    return 0


def takedown(
    archive: tyro.conf.Positional[Path],
    sha256: tuple[str, ...] = (),
    person: tuple[str, ...] = (),
    url: tuple[str, ...] = (),
    hub: str | None = None,
) -> int:
    """Remove pictures for good from an archive and, with --hub, from every version that was published of it.

    Tombstones stay and keep them from coming back. Exit status 1 if something is left to you.

    Args:
        archive: Archive folder.
        sha256: Of pictures' bytes.
        person: Person ids.
        url: Addresses of photos, as the records have them.
        hub: ORG/NAME under which the archive was published; the token is read from HF_TOKEN.
    """
    from cafdata.archive import Archive
    from cafdata.takedown import Request
    from cafdata.takedown import takedown as take_down
    from curation.publishing.editions import check_repo
    from curation.publishing.hub import Hub
    from curation.publishing.hub_takedown import take_down_on_hub
    from curation.purging import withdraw_removed
    from curation.reviewing import places_of

    opened, request = Archive(archive), Request(sha256=sha256, person=person, url=url)
    if hub is not None:
        check_repo(hub)
    there = None if hub is None else Hub.from_environment()
    report = take_down(opened, request)
    _tell(dataclasses.asdict(report))
    for one in report.unmet:
        _to_stderr(str(one))
    withdraw_removed(*places_of(archive))
    is_left = bool(report.card_fault or report.named_in)
    if there is not None and hub is not None:
        for cleared in take_down_on_hub(opened, hub, there, datetime.now(UTC).date(), _to_stderr):
            _tell(dataclasses.asdict(cleared))
            is_left = is_left or any(not name.startswith(CONVERTED) for name in cleared.beyond)
    return 1 if is_left else 0


publish_commands: dict[str, Callable[..., int]] = {"publish": publish, "takedown": takedown}
"""Name of a command -> what it does; it returns the exit status."""


def _tell(values: object) -> None:
    """A result, as a line of JSON."""
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
