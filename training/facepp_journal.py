"""The journal of what was asked of Face++ and what came back: one JSON line each, on the disk before work goes on.

    {"event": "journal", "version": 1, "endpoint": "https://api-cn.faceplusplus.com"}
    {"event": "sent", "key": "detect:<sha256>", "at": "2026-01-31T12:00:00+00:00"}
    {"event": "free", "key": "detect:<sha256>", "error": "CONCURRENCY_LIMIT_EXCEEDED"}
    {"event": "outcome", "key": "detect:<sha256>", "status": "ok", "value": 31, "error": "", "details": {...}}

A request is written down before it is sent, so that one whose answer was lost is known. A recording is the same
file without the lines "sent" and "free".
"""

import dataclasses
import datetime
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from core.errors import DataBroken, FaceppRefused
from core.files import sync_folder, write_atomic
from training.facepp_outcome import Outcome

VERSION: Final = 1


class Contents:
    """What the lines of a journal add up to."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.outcomes: dict[str, Outcome] = {}
        """By key; of several the last."""
        self.num_charged = 0
        """Requests that were or may have been charged."""
        self.open_keys: list[str] = []
        """Keys of requests whose answer was never written down."""

    def take(self, event: Mapping[str, Any]) -> None:
        """Take in one line. Raises KeyError, TypeError or ValueError for what is no line of a journal."""
        match event["event"]:
            case "journal":
                if event["version"] != VERSION:
                    raise ValueError(f"its version is {event['version']}, not {VERSION}")
                self.endpoint = str(event["endpoint"])
            case "sent":
                self.num_charged += 1
                self.open_keys.append(str(event["key"]))
            case "free":
                self.num_charged -= 1
                self._close(event["key"])
            case "lost":
                self._close(event["key"])
            case "outcome":
                outcome = Outcome(**{name: value for name, value in event.items() if name != "event"})
                self.outcomes[outcome.key] = outcome
                self._close(outcome.key)
            case other:
                raise ValueError(f"an event {other!r} is not known")

    def _close(self, key: str) -> None:
        if key in self.open_keys:
            self.open_keys.remove(key)


class Journal:
    """A journal at work: what was in it, and appending to it. Made by `open_journal`, which holds its lock."""

    def __init__(self, path: Path, descriptor: int, contents: Contents) -> None:
        self.path, self._descriptor, self.contents = path, descriptor, contents

    def sent(self, key: str) -> None:
        """A request is about to leave."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self.append({"event": "sent", "key": key, "at": now})

    def free(self, key: str, error: str) -> None:
        """The request was refused or never left: nothing is charged for it."""
        self.append({"event": "free", "key": key, "error": error})

    def lost(self, key: str, error: str) -> None:
        """The request may have been charged, but brought nothing; it may be tried again."""
        self.append({"event": "lost", "key": key, "error": error})

    def settle(self, outcome: Outcome) -> None:
        """The end of a question."""
        self.append(line_of(outcome))

    def append(self, event: Mapping[str, Any]) -> None:
        """Write one line so that it outlives a power cut. Raises OSError; the journal is then as it was."""
        self.contents.take(event)
        data = encoded(event)
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, end)
            raise


@contextmanager
def open_journal(path: Path, endpoint: str) -> Iterator[Journal]:
    """Open a journal, or begin one; a line that was cut off in writing is taken away.

    Raises:
        FaceppRefused: another run has it open.
        DataBroken: a line is none of a journal.
        ValueError: it holds answers of another endpoint. One that holds none, as after a wrong address, goes over
            to the endpoint given.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FaceppRefused(f"another run is writing {path}; wait for it, or give another --out") from None
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            os.ftruncate(descriptor, len(whole))
        contents = read_lines(path, whole)
        holds_any = contents.num_charged > 0 or any(one.is_settled for one in contents.outcomes.values())
        if contents.endpoint != endpoint and holds_any:
            raise ValueError(f"{path} holds answers of {contents.endpoint}, not of {endpoint}; give another --out")
        journal = Journal(path, descriptor, contents)
        if contents.endpoint != endpoint:
            journal.append({"event": "journal", "version": VERSION, "endpoint": endpoint})
            sync_folder(path.parent)
        yield journal
    finally:
        os.close(descriptor)


def read_journal(path: Path) -> Contents:
    """What a journal or a recording holds. Raises DataBroken, also where there is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataBroken(f"{path} cannot be read ({error.strerror})") from error
    return read_lines(path, data[: data.rfind(b"\n") + 1])


def read_lines(path: Path, data: bytes) -> Contents:
    """Add up whole lines. Raises DataBroken naming the line."""
    contents = Contents()
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            contents.take(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataBroken(f"line {number} of {path} is none of a Face++ journal ({error})") from error
        if not contents.endpoint:
            raise DataBroken(f"{path} does not begin as a Face++ journal does")
    return contents


def write_recording(path: Path, endpoint: str, outcomes: Iterable[Outcome]) -> None:
    """Write a file that `read_journal` reads, whole or not at all."""
    head = encoded({"event": "journal", "version": VERSION, "endpoint": endpoint})
    write_atomic(path, head + b"".join(encoded(line_of(outcome)) for outcome in outcomes))


def line_of(outcome: Outcome) -> dict[str, Any]:
    return {"event": "outcome", **dataclasses.asdict(outcome)}


def encoded(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, allow_nan=False).encode() + b"\n"
