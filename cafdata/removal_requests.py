"""What people ask the keeper of an archive to take out: a list beside the review queue, bounded in number and size.

A request changes nothing in the archive: the keeper looks, and runs `cafdata.takedown`, which drops the requests that
it meets, or closes the request.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from cafdata import fields, lock
from core.errors import ArchiveBroken
from core.files import write_atomic

FILE: Final = "removal_requests.json"
LOCK: Final = "removal_requests.lock"
VERSION: Final = 1
MAX_REQUESTS: Final = 1000
MAX_WHY: Final = 1000
MAX_CONTACT: Final = 200

Asked = Literal["picture_id", "person_id", "source_url"]
ASKED: Final = ("picture_id", "person_id", "source_url")


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalRequest:
    """One request. Raises ValueError for what cannot be, in a sentence for the one who asks."""

    asked: Asked
    """What is to go, by which field of a record."""
    value: str
    """Of that field."""
    why: str
    """In the words of the one who asks: one line, 1..1000 characters."""
    contact: str | None = None
    """Where an answer reaches them, 1..200 characters, if they want one."""
    asked_at: str
    """ISO 8601."""

    def __post_init__(self) -> None:
        fields.one_of("asked", self.asked, ASKED)
        if self.asked == "source_url":
            fields.url("the address", self.value)
        else:
            fields.identifier("the name", self.value)
        _words("the reason", self.why, MAX_WHY)
        if self.contact is not None:
            _words("the contact", self.contact, MAX_CONTACT)
        fields.timestamp("asked_at", self.asked_at)

    @property
    def request_id(self) -> str:
        """16 hexadecimal digits that follow from what is asked for, why and by whom."""
        asked = [self.asked, self.value, self.why, self.contact]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


class RemovalRequests:
    """The requests of an archive. Holds nothing in memory; writers wait for each other."""

    def __init__(self, archive: Path) -> None:
        self.folder = archive

    def all(self) -> tuple[RemovalRequest, ...]:
        """Every open request, the oldest first. Raises ArchiveBroken if the file is damaged."""
        path = self.folder / FILE
        try:
            values = json.loads(path.read_bytes())
            if values["version"] != VERSION:
                raise ArchiveBroken(f"{path} has version {values['version']}; this program reads {VERSION}")
            return tuple(RemovalRequest(**request) for request in values["requests"])
        except FileNotFoundError:
            return ()
        except (KeyError, TypeError, ValueError) as error:
            raise ArchiveBroken(f"{path} is damaged ({error}); bring it back from a copy of the archive") from None

    def add(self, request: RemovalRequest) -> bool:
        """Put a request in; False where the very same is there already.

        Raises:
            ArchiveBroken: as many are waiting as may.
        """
        with lock.writing(self.folder, LOCK, is_patient=True):
            kept = self.all()
            if request.request_id in {one.request_id for one in kept}:
                return False
            if len(kept) >= MAX_REQUESTS:
                raise ArchiveBroken("The list of requests is full; please write to the keeper of the archive instead.")
            self._write((*kept, request))
            return True

    def close(self, request_id: str) -> RemovalRequest:
        """Take out a request that was answered. Raises ArchiveBroken if there is none."""
        with lock.writing(self.folder, LOCK, is_patient=True):
            kept = {one.request_id: one for one in self.all()}
            if request_id not in kept:
                raise ArchiveBroken(f"{self.folder / FILE} has no request {request_id}")
            closed = kept.pop(request_id)
            self._write(kept.values())
            return closed

    def narrow(self, pictures: Mapping[str, str]) -> None:
        """Turn requests about addresses into requests about pictures, which are known as met when these have gone.

        Args:
            pictures: address -> picture id.
        """
        if not (self.folder / FILE).exists():
            return
        with lock.writing(self.folder, LOCK, is_patient=True):
            requests = self.all()
            narrowed = [
                replace(one, asked="picture_id", value=pictures[one.value])
                if one.asked == "source_url" and one.value in pictures
                else one
                for one in requests
            ]
            if narrowed != [*requests]:
                self._write(narrowed)

    def drop(self, values: Collection[str]) -> int:
        """Take out every request for one of these pictures, persons or addresses. Gives back how many there were."""
        gone = frozenset(values)
        if not (self.folder / FILE).exists():
            return 0
        with lock.writing(self.folder, LOCK, is_patient=True):
            requests = self.all()
            kept = [one for one in requests if one.value not in gone]
            if len(kept) < len(requests):
                self._write(kept)
            return len(requests) - len(kept)

    def _write(self, requests: Iterable[RemovalRequest]) -> None:
        values = {"version": VERSION, "requests": [asdict(one) for one in requests]}
        write_atomic(self.folder / FILE, (json.dumps(values, ensure_ascii=False, indent=1) + "\n").encode())


def _words(name: str, value: str, most: int) -> None:
    """Somebody's own words, on one line, harmless in a terminal and in a spreadsheet."""
    fields.text(name, value)
    if len(value) > most:
        raise ValueError(f"{name} has at most {most} characters, got {len(value)}")
    if value.lstrip()[0] in "=+-@":
        raise ValueError(f"{name} begins with {value.lstrip()[0]!r}, which spreadsheets take for a formula")
