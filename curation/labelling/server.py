"""A Label Studio server of one's own: installed beside everything else, on this machine's loopback only.

It has an environment of its own, for it wants other versions than we do. The owner's password and token are taken
from the environment or made at the first start; they lie in a file that only its owner can read, and go to the server
through its environment, never through its command line.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2

from core.files import write_atomic
from curation.labelling.client import TOKEN_VARIABLE, Access, LabellingRefused

VERSION: Final = "1.23.2"
OWNER: Final = "owner@agetrans.local"
PASSWORD_VARIABLE: Final = "LABEL_STUDIO_PASSWORD"
START_S: Final = 240.0
"""The first start makes the database: 30 to 70 s on two cores."""
STOP_S: Final = 20.0
LOG: Final = "server.log"


@dataclass(frozen=True, kw_only=True, slots=True)
class Secrets:
    """What opens the owner's account. Neither shows in its repr."""

    password: str = field(repr=False)
    token: str = field(repr=False)
    """40 hexadecimal digits."""


def installed(environment: Path) -> Path | None:
    """The server's program in a virtual environment; None where it is not there whole."""
    program = environment / "bin" / "label-studio"
    return program if program.is_file() and (environment / f".label-studio-{VERSION}").is_file() else None


def install(environment: Path, report: Callable[[str], None]) -> Path:
    """Make a virtual environment with the server: about 90 s and 1 GB. One that was broken off is gone on with.

    Raises:
        LabellingRefused: it cannot be made or filled.
    """
    program = installed(environment)
    if program is not None:
        return program
    report(f"installing Label Studio {VERSION} into {environment}: about two minutes, 1 GB")
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", f"label-studio=={VERSION}"]
    for command in ([sys.executable, "-m", "venv", str(environment)], pip):
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        if outcome.returncode:
            last = (outcome.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise LabellingRefused(f"Label Studio cannot be installed into {environment}: {last[:300]}")
    (environment / f".label-studio-{VERSION}").touch()
    return environment / "bin" / "label-studio"


def owner_secrets(folder: Path) -> Secrets:
    """Password and token of the owner: those of the environment, else those kept in the folder, else new ones.

    What is not there yet is written into files that only their owner can read. The server takes them at its first
    start; from then on the kept ones hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = {
        "password": (PASSWORD_VARIABLE, secrets.token_urlsafe(18)),
        "token": (TOKEN_VARIABLE, secrets.token_hex(20)),
    }
    values = {}
    for name, (variable, new) in made.items():
        path = secret_path(folder, name)
        if not path.exists():
            # Others never see the file: the folder is closed to them before it is written.
            write_atomic(path, (os.environ.get(variable, "").strip() or new).encode())
        path.chmod(0o600)
        values[name] = path.read_text(encoding="utf-8").strip()
    return Secrets(password=values["password"], token=values["token"])


def secret_path(folder: Path, name: str) -> Path:
    """File of a secret: "password" or "token"."""
    return folder / f"owner.{name}"


class Server:
    """A running server. Leaving it stops the process and what that started."""

    def __init__(self, program: Path, folder: Path, port: int) -> None:
        """Start it; `wait` says when it is there.

        Args:
            program: as `install` gives it.
            folder: where it keeps its database and the owner's secrets.
            port: of 127.0.0.1.
        """
        self.folder = folder.absolute()
        self.secrets = owner_secrets(self.folder)
        self.access = Access(url=f"http://127.0.0.1:{port}", token=self.secrets.token)
        command = [
            str(program.absolute()),
            "start",
            "--no-browser",
            "--internal-host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        with (self.folder / LOG).open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=_environment(self.folder, self.secrets),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *ended: object) -> None:
        self.stop()

    def wait(self, timeout_s: float = START_S) -> None:
        """Wait until it answers. Raises LabellingRefused where it ends or takes too long."""
        end_s = time.monotonic() + timeout_s
        while not is_up(self.access.url):
            if self.process.poll() is not None:
                raise LabellingRefused(f"Label Studio ended with {self.process.returncode}; see {self.folder / LOG}")
            if time.monotonic() > end_s:
                raise LabellingRefused(f"Label Studio is not there after {timeout_s:g} s; see {self.folder / LOG}")
            time.sleep(0.3)

    def stop(self) -> None:
        """End it and wait until it is gone."""
        for kind in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, kind)
                try:
                    self.process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    continue


def is_up(url: str) -> bool:
    """Whether a Label Studio server answers there."""
    try:
        answer = httpx2.get(f"{url}/health", timeout=2, trust_env=False).json()
        return isinstance(answer, dict) and answer.get("status") == "UP"
    except (httpx2.RequestError, ValueError):
        return False


def _environment(folder: Path, owner: Secrets) -> Mapping[str, str]:
    """What the server is told. Nothing of ours is passed on but what any program needs."""
    passed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return passed | {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
        "DJANGO_DB": "sqlite",
        "COLLECT_ANALYTICS": "False",
        "LATEST_VERSION_CHECK": "False",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_USERNAME": OWNER,
        "LABEL_STUDIO_PASSWORD": owner.password,
        "LABEL_STUDIO_USER_TOKEN": owner.token,
        # Both for a model backend on this machine, which the server also tells of new labels.
        "ML_BLOCK_LOCAL_IP": "false",
        "SSRF_PROTECTION_ENABLED": "false",
    }
