"""The page's own folder: alone in it, gone with its server, emptied by age and by size."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from demo.cache_folder import EMPTY_S, LOCK, own_folder, sweep

ROOT = Path(__file__).resolve().parents[3]
HOLD = (
    "import sys, time; from pathlib import Path; from demo.cache_folder import own_folder\n"
    "with own_folder(Path(sys.argv[1])) as folder:\n"
    "    (folder / 'photo.jpg').write_bytes(b'x'); print(folder, flush=True); time.sleep(60)"
)
MAKE = """import tempfile, time
from demo.cache_folder import claim, own_folder
claim()
with tempfile.TemporaryDirectory() as for_gradio, own_folder() as for_a_film:
    (for_a_film / "aged.mp4").write_bytes(b"x")
    print(for_gradio, for_a_film, flush=True)
    time.sleep(60)
"""


def put(folder: Path, name: str, num_bytes: int) -> Path:
    path = folder / name / "photo.jpg"
    path.parent.mkdir()
    path.write_bytes(b"x" * num_bytes)
    time.sleep(0.02)  # ages are told apart
    return path


def test_it_is_nobody_elses_and_goes_with_its_server(tmp_path: Path) -> None:
    with own_folder(tmp_path) as first, own_folder(tmp_path) as second:
        assert first != second and first.parent == tmp_path
        assert first.stat().st_mode & 0o077 == 0
        put(first, "a", 5)
    assert list(tmp_path.iterdir()) == []


def test_servers_that_start_in_the_same_moment_do_not_clear_each_other_away(tmp_path: Path) -> None:
    start, lost = threading.Barrier(8), []

    def come_and_go() -> None:
        for _ in range(40):
            start.wait(30)
            with own_folder(tmp_path) as folder:
                time.sleep(0.001)
                if not (folder / LOCK).exists():
                    lost.append(folder)

    servers = [threading.Thread(target=come_and_go) for _ in range(8)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    assert lost == []
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_goes_with_the_next_and_a_living_one_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "agetrans-other").mkdir()  # without a lock: not known to be ours
    servers, folders = [], []
    try:
        for _ in range(2):
            command = [sys.executable, "-c", HOLD, str(tmp_path)]
            servers.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        for server in servers:
            assert server.stdout is not None
            folders.append(Path(server.stdout.readline().strip()))
        servers[0].send_signal(signal.SIGKILL)
        servers[0].wait(10)
        assert (folders[0] / "photo.jpg").exists()
        with own_folder(tmp_path):
            assert not folders[0].exists()
            assert (folders[1] / "photo.jpg").exists()
    finally:
        for server in servers:
            server.kill()
            server.wait(10)
    assert (tmp_path / "agetrans-other").exists()


def test_too_old_goes_first_then_the_oldest(tmp_path: Path) -> None:
    with own_folder(tmp_path) as folder:
        files = [put(folder, name, 100) for name in "abcd"]
        assert sweep(folder, max_age_s=60, max_bytes=400) == 400
        assert sweep(folder, max_age_s=60, max_bytes=250) == 200
        assert [path.exists() for path in files] == [False, False, True, True]
        time.sleep(0.1)
        new = put(folder, "e", 100)
        assert sweep(folder, max_age_s=0.1, max_bytes=1000) == 100
        assert new.exists() and not files[3].exists()
        assert (folder / LOCK).exists()


def test_a_folder_goes_when_it_has_been_empty_for_a_while(tmp_path: Path) -> None:
    with own_folder(tmp_path) as folder:
        (folder / "new").mkdir()
        (folder / "old").mkdir()
        (folder / "full").mkdir()
        (folder / "full" / "photo.jpg").write_bytes(b"x")
        long_ago = time.time() - EMPTY_S - 1
        for name in ("old", "full", "."):
            os.utime(folder / name, (long_ago, long_ago))
        sweep(folder, max_age_s=60, max_bytes=1000)
        assert sorted(path.name for path in folder.iterdir()) == [LOCK, "full", "new"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "photo.jpg").write_bytes(b"x" * 100)
    with own_folder(tmp_path) as folder:
        (folder / "link").symlink_to(kept)
        (folder / "file").symlink_to(kept / "photo.jpg")
        sweep(folder, max_age_s=0, max_bytes=0)
    assert (kept / "photo.jpg").exists()


def test_temporary_files_lie_in_the_pages_folder_and_go_with_it(tmp_path: Path) -> None:
    said, elsewhere = {**os.environ, "GRADIO_TEMP_DIR": str(tmp_path / "files")}, {"TMPDIR": str(tmp_path / "nowhere")}
    for signal_sent in (signal.SIGTERM, signal.SIGKILL):
        command = [sys.executable, "-c", MAKE]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**said, **elsewhere})
        try:
            assert server.stdout is not None
            places = [Path(place) for place in server.stdout.readline().split()]
            [folder] = (tmp_path / "files").iterdir()
            assert [place.parent for place in places] == [folder, folder]
            server.send_signal(signal_sent)
            server.wait(10)
        finally:
            server.kill()
            server.wait(10)
    assert [path.name for path in (tmp_path / "files").rglob("*.mp4")] == ["aged.mp4"]
    with own_folder(tmp_path / "files"):
        assert [path.name for path in (tmp_path / "files").rglob("*.mp4")] == []


def test_what_is_being_made_is_not_swept_and_what_a_killed_maker_left_is(tmp_path: Path) -> None:
    with own_folder(tmp_path) as folder:
        with own_folder(folder) as room:
            (room / "aged.mp4").write_bytes(b"x" * 100)
            long_ago = time.time() - EMPTY_S - 1
            os.utime(room, (long_ago, long_ago))
            assert sweep(folder, max_age_s=0, max_bytes=10) == 0
            assert (room / "aged.mp4").exists() and (room / LOCK).exists()
        left = folder / "agetrans-left"
        left.mkdir()
        for name in (LOCK, "aged.mp4"):
            (left / name).write_bytes(b"x" * 100)
        time.sleep(0.01)
        assert sweep(folder, max_age_s=0, max_bytes=10) == 0
        assert list(left.iterdir()) == []
