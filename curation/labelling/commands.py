"""What `python -m curation label` does: up, push, pull, status, agreement, backend."""

import dataclasses
import json
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import tyro

if TYPE_CHECKING:
    from core.age_reader import AgeReader
    from curation.labelling.client import LabelStudio

PHOTO_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp")


def up(folder: Path = Path("~/.cache/agetrans/label-studio"), port: int = 8080, environment: Path | None = None) -> int:
    """Install Label Studio where it is not yet, and run it for this machine alone until it is stopped with Ctrl-C.

    The owner's password and token come from LABEL_STUDIO_PASSWORD and LABEL_STUDIO_TOKEN, or are made at the first
    start; they lie in files that only you can read, and are never printed.

    Args:
        folder: Where it keeps its database and the owner's secrets.
        port: Of 127.0.0.1.
        environment: Its virtual environment; by default inside the folder.
    """
    from curation.labelling.server import OWNER, Server, install, is_up, secret_path

    folder = folder.expanduser()
    address = f"http://127.0.0.1:{port}"
    if is_up(address):
        raise ValueError(f"a Label Studio answers at {address} already; use it, or choose another --port")
    program = install((environment or folder / "environment").expanduser(), _to_stderr)
    signal.signal(signal.SIGTERM, _interrupt)
    _to_stderr("starting Label Studio (about a minute the first time)")
    with Server(program, folder, port) as server:
        server.wait()
        token = secret_path(server.folder, "token")
        files = {"password_file": str(secret_path(server.folder, "password")), "token_file": str(token)}
        print(json.dumps({"address": address, "owner": OWNER, **files}), flush=True)
        _to_stderr("for the other commands:")
        _to_stderr(f'  export LABEL_STUDIO_URL={address} LABEL_STUDIO_TOKEN="$(cat {token})"')
        _to_stderr("annotators: log in as the owner, Organization, Add People, and give them the link. Ctrl-C stops.")
        server.process.wait()
    return 1


def push(
    archive: tyro.conf.Positional[Path],
    name: str | None = None,
    pictures: int | None = None,
    several: float = 0.2,
    annotators: int = 2,
    gold: int = 20,
    seed: int = 0,
    photos: Path | None = None,
    read_ages: bool = False,
) -> int:
    """Put an archive's open questions on the server, each once however often this runs. Needs LABEL_STUDIO_URL, _TOKEN.

    Args:
        archive: Archive folder, or the recipe that it is made by.
        name: Name of the archive on the server; by default the folder's.
        pictures: Ask about at most so many pictures, the most needed first.
        several: Share of them, 0 to 1, that several people see.
        annotators: How many people that is.
        gold: Pictures of well known age mixed in.
        seed: Fixes which gold pictures are taken.
        photos: Folder of whole photos named as the pictures (PICTURE_ID.jpg), for a second look.
        read_ages: First let the age estimator read the pictures that no network has read; it orders the queue.
    """
    from cafdata.archive import Archive
    from curation.labelling.pushing import PushPlan
    from curation.labelling.pushing import push as push_all
    from curation.labelling.selection import Selection
    from curation.purging import withdraw_removed
    from curation.reviewing import face_files, places_of

    # Questions are about pictures that wait outside the archive too, in the working folder of the run that asks.
    archive, working = places_of(archive)
    opened = Archive(archive)
    selection = Selection(num_pictures=pictures, share_by_several=several, num_gold=gold, seed=seed)
    plan = PushPlan(archive_name=_name(archive, name), selection=selection, num_annotators=annotators)
    if read_ages:
        from core.detect import open_pack
        from curation.labelling.backend import reader_of
        from curation.labelling.reading import read_ages as read_all

        reader = _reader()
        count = read_all(opened, reader_of(open_pack("auto"), reader), reader.info.name)
        _to_stderr(f"read the ages of {count} pictures")
    withdraw_removed(archive, working)
    faces = partial(face_files, archive, working)
    with _server() as server:
        done = push_all(server, opened, plan, faces, None if photos is None else folder_photos(photos))
    print(json.dumps(dataclasses.asdict(done)))
    return 0


def pull(archive: tyro.conf.Positional[Path], name: str | None = None, every: float | None = None) -> int:
    """Bring labels and decisions into the archive; one line for each bad one, and exit status 1 if any.

    Args:
        archive: Archive folder.
        name: Name of the archive on the server; by default the folder's.
        every: Go on until stopped, looking every so many seconds; what goes wrong after the first time is said, and it
            looks again.
    """
    from cafdata.archive import Archive
    from core.errors import CafError
    from curation.labelling.client import LabelStudio, access_from_environment
    from curation.labelling.pulling import pull as pull_all

    if every is not None and not 1 <= every <= 86_400:
        raise ValueError(f"--every is 1 to 86400 seconds, got {every:g}")
    opened, access, has_pulled = Archive(archive), access_from_environment(), False
    while True:
        try:
            with LabelStudio(access) as server:
                done = pull_all(server, opened, _name(archive, name))
                has_pulled = True
        except CafError as error:
            if every is None or not has_pulled:
                raise
            _to_stderr(str(error))  # a push holds the lock, the server is being restarted
            time.sleep(every)
            continue
        for kind, refused in done.refused:
            print(json.dumps({"refused": kind, **dataclasses.asdict(refused)}))
        counts = {key: value for key, value in dataclasses.asdict(done).items() if key != "refused"}
        print(json.dumps({"archive": str(archive), **counts, "num_refused": len(done.refused)}), flush=True)
        if every is None:
            return 1 if done.refused else 0
        time.sleep(every)


def status(archive: tyro.conf.Positional[Path], name: str | None = None) -> int:
    """Count what the server and the archive hold.

    Args:
        archive: Archive folder.
        name: Name of the archive on the server; by default the folder's.
    """
    from cafdata.archive import Archive
    from curation.labelling.status import status as count_all

    opened = Archive(archive)
    with _server() as server:
        found = count_all(server, opened, _name(archive, name))
    print(json.dumps(dataclasses.asdict(found)))
    return 0


def agreement(archive: tyro.conf.Positional[Path]) -> int:
    """How well annotators agree: alpha, ICC, bias and spread of each, and which pictures to label again first.

    Args:
        archive: Archive folder.
    """
    from cafdata.archive import Archive
    from curation.labelling.report import agreement as measure

    print(json.dumps(measure(Archive(archive).records()).as_json(), ensure_ascii=False))
    return 0


def backend(
    port: int = 9090, pack: str = "auto", model: str | None = None, archive: Path | None = None, name: str | None = None
) -> int:
    """Serve the age estimator to Label Studio until stopped: suggestions, for who wants them after the first pass.

    Args:
        port: Of 127.0.0.1.
        pack: Face pack that finds the faces.
        model: Age estimator; by default the bundled one.
        archive: Connect the server's projects of this archive too (needs LABEL_STUDIO_URL, LABEL_STUDIO_TOKEN).
        name: Name of the archive on the server; by default the folder's.
    """
    from core.detect import open_pack
    from curation.labelling.backend import Backend, reader_of
    from curation.labelling.project import AGE_KINDS, ProjectPlan
    from curation.labelling.sync import find

    reader = _reader(model)
    with Backend(port, reader.info.name, reader_of(open_pack(pack), reader)) as serving:
        if archive is not None:
            # The server asks for /health before it takes an address, so that is answered first.
            from threading import Thread

            Thread(target=serving.serve_forever, daemon=True).start()
            with _server() as server:
                listing = server.projects()
                for kind in AGE_KINDS:
                    project = find(listing, ProjectPlan(kind=kind, archive_name=_name(archive, name)))
                    if project is not None:
                        server.connect_backend(project.number, serving.url, reader.info.name)
        print(json.dumps({"address": serving.url, "model": reader.info.name}), flush=True)
        signal.signal(signal.SIGTERM, _interrupt)
        if archive is None:
            serving.serve_forever()
        while True:
            signal.pause()


def folder_photos(folder: Path) -> "Callable[[Collection[str]], Mapping[str, bytes]]":
    """Reads whole photos that are named as the pictures are, from a folder. Raises ValueError if there is none."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; name one with photos such as PICTURE_ID.jpg")
    root = folder.resolve()

    def read(picture_ids: Collection[str]) -> dict[str, bytes]:
        found = {}
        for name in picture_ids:
            for ending in PHOTO_ENDINGS:
                path = (root / f"{name}{ending}").resolve()
                if path.is_relative_to(root) and path.is_file():
                    found[name] = path.read_bytes()
                    break
        return found

    return read


def _name(archive: Path, name: str | None) -> str:
    return archive.resolve().name if name is None else name


def _server() -> "LabelStudio":
    from curation.labelling.client import LabelStudio, access_from_environment

    return LabelStudio(access_from_environment())


def _reader(model: str | None = None) -> "AgeReader":
    from core.age_reader import AgeReader, bundled_reader
    from core.device import choose
    from core.errors import WeightsMissing
    from core.weights import load

    compute = choose()
    reader = bundled_reader(compute) if model is None else AgeReader(load(model), compute)
    if reader is None:
        raise WeightsMissing("the model folder has no age estimator; name one with --model")
    return reader


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


label_commands: dict[str, Callable[..., int]] = {
    "up": up,
    "push": push,
    "pull": pull,
    "status": status,
    "agreement": agreement,
    "backend": backend,
}
"""Name of a command -> what it does; it returns the exit status."""
