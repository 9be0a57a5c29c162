"""What an archive's projects on the server hold, counted."""

from collections.abc import Mapping
from dataclasses import dataclass

from cafdata.archive import Archive
from curation.labelling.client import LabelStudio
from curation.labelling.evidence import is_disputed
from curation.labelling.project import KINDS, Kind, ProjectPlan
from curation.labelling.sync import NOTE, copies, find, keys_of


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectCount:
    """One project on the server."""

    project: int
    """Its number."""
    tasks: int
    answered: int
    """Tasks with one answer or more."""
    answers: int
    copies: int
    """Tasks that the next push takes out, for another asks the same."""
    foreign: int
    """Tasks that are none of ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelStatus:
    """Server and archive side by side."""

    server: str
    """Its release."""
    projects: Mapping[Kind, ProjectCount]
    labelled: int
    """Pictures of the archive with a label or more."""
    labels: int
    in_dispute: int
    """Pictures that need an adjudicator."""
    is_push_open: bool
    """An import was left without an answer; the next push looks after it."""


def status(server: LabelStudio, archive: Archive, archive_name: str) -> LabelStatus:
    """Count what is there. Changes nothing.

    Raises:
        LabellingRefused: the server refuses or cannot be reached.
    """
    counts: dict[Kind, ProjectCount] = {}
    listing = server.projects()
    for kind in KINDS:
        project = find(listing, ProjectPlan(kind=kind, archive_name=archive_name))
        if project is not None:
            counts[kind] = _count(server, project.number)
    labels = [record.labels for record in archive.records() if record.labels]
    return LabelStatus(
        server=server.version(),
        projects=counts,
        labelled=len(labels),
        labels=sum(map(len, labels)),
        in_dispute=sum(map(is_disputed, labels)),
        is_push_open=(archive.folder / NOTE).exists(),
    )


def _count(server: LabelStudio, project: int) -> ProjectCount:
    tasks = list(server.tasks(project))
    held = keys_of(tasks)
    given = [task["total_annotations"] for task in tasks]
    return ProjectCount(
        project=project,
        tasks=len(tasks),
        answered=sum(count > 0 for count in given),
        answers=sum(given),
        copies=len(copies(held)),
        foreign=len(tasks) - sum(map(len, held.values())),
    )
