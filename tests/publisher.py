"""Runs commands of publishing, each in a process of its own that is forked from a warm one, so that it starts at once.

As a program: reads jobs, a line of JSON each, tells the process id of each, then how it ended and what it wrote.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

import tyro

from core.errors import CafError
from curation.publishing.commands import publish_commands

ROOT = Path(__file__).resolve().parents[1]
UNFORESEEN = 99


class Publisher:
    """A warm process that forks another for each command; `close` it."""

    def __init__(self, endpoint: str, home: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        self.environment = {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home)}
        command, pipe = [sys.executable, "-m", "tests.publisher"], subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=kept | self.environment, stdin=pipe, stdout=pipe, text=True
        )
        self.pid: int | None = None
        self.has_pid = threading.Event()

    def run(self, *words: str, token: str) -> tuple[int, str]:
        """Exit status (negative for a signal) and all that was written."""
        assert self.process.stdin and self.process.stdout
        self.has_pid.clear()
        self.process.stdin.write(json.dumps({"words": words, "environment": {"HF_TOKEN": token}}) + "\n")
        self.process.stdin.flush()
        self.pid = json.loads(self.process.stdout.readline())["pid"]
        self.has_pid.set()
        ended = json.loads(self.process.stdout.readline())
        return ended["code"], ended["wrote"]

    def kill(self) -> None:
        """Kill the process that is at work, from within a request of it."""
        assert self.has_pid.wait(10) and self.pid
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the warm process."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def work(words: list[str]) -> int:
    """What `python -m curation` does with these words."""
    try:
        return int(tyro.extras.subcommand_cli_from_dict(publish_commands, prog="curation", args=words) or 0)
    except SystemExit as ended:
        return int(ended.code or 0)
    except (CafError, ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


def warm_up() -> None:
    """Import what the commands import when they are called."""
    import cafdata.archive
    import cafdata.picture_hash
    import cafdata.splits
    import cafdata.takedown
    import curation.publishing.hub_takedown
    import curation.publishing.publish

    names = (cafdata.archive, cafdata.picture_hash, cafdata.splits, cafdata.takedown)
    assert all((*names, curation.publishing.hub_takedown, curation.publishing.publish))


def main() -> None:
    """Do the jobs that come in."""
    warm_up()
    for line in sys.stdin:
        job = json.loads(line)
        with tempfile.TemporaryFile() as said:
            child = os.fork()
            if child == 0:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                os.environ |= job["environment"]
                code = UNFORESEEN
                try:
                    code = work(job["words"])
                finally:
                    if code == UNFORESEEN:
                        traceback.print_exc()
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(code)
            tell({"pid": child})
            _, status = os.waitpid(child, 0)
            said.seek(0)
            wrote = said.read().decode(errors="replace")
        tell({"code": os.waitstatus_to_exitcode(status), "wrote": wrote})


def tell(values: object) -> None:
    """A line of JSON."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
