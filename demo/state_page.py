"""What is served while the models cannot be: which file is missing or damaged, and what to do.

A process that dies shows nothing on a host that only restarts it. This page stands in for the real one, on the same
port, looks again every few seconds, and makes way as soon as everything opens. The real page is never served in part.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from core.errors import CafError, PackMissing, WeightsMissing, WeightsRefused
from demo.front import HEALTH
from demo.guard import Guard
from demo.language import ENGLISH, NAMES, Language

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 5.0
STOP_S = 10.0
Opened = TypeVar("Opened")

STYLE = """
:root { color-scheme: light dark; --paper: #faf8f4; --ink: #1e1c19; --quiet: #5d564c; --line: #e6e0d6;
  --card: #fff; --green: #2a6656; }
@media (prefers-color-scheme: dark) { :root { --paper: #151412; --ink: #f3efe8; --quiet: #a59c8e; --line: #2b2824;
  --card: #1e1c19; --green: #7fb8a5; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 ui-sans-serif, system-ui, "Segoe UI",
  "Helvetica Neue", "Noto Sans", sans-serif; }
main { max-width: 40rem; margin: 0 auto; padding: max(28px, 12vh) 24px 32px; }
#wordmark { margin: 0 0 6px; font-size: 13px; font-weight: 600; letter-spacing: 0.14em; text-transform: uppercase;
  color: var(--green); }
h1 { margin: 0 0 20px; font-size: clamp(28px, 5vw, 40px); line-height: 1.1; letter-spacing: -0.025em; font-weight: 600;
  text-wrap: balance; }
dl { margin: 0 0 20px; padding: 20px 22px; background: var(--card); border: 1px solid var(--line);
  border-radius: 18px; }
dt { font-size: 14px; color: var(--quiet); }
dd { margin: 2px 0 0; overflow-wrap: anywhere; }
dd + dt { margin-top: 16px; }
p { margin: 0; color: var(--quiet); }
"""


class State:
    """Why the page cannot be served."""

    def __init__(self, error: CafError) -> None:
        self.error = error

    @property
    def sentence(self) -> str:
        return str(self.error)


def remedy(say: Language, error: CafError) -> str:
    """What to do about it, in the visitor's language."""
    match error:
        case WeightsMissing():
            return say(
                "Put the model’s files back into the models folder, as they are in the repository. "
                "If they came through Git, fetch the large files too (git lfs pull)."
            )
        case WeightsRefused():
            return say(
                "A file in the models folder is not what its list says. Copy it anew from the repository. "
                "If it came through Git, fetch the large files too (git lfs pull)."
            )
        case PackMissing():
            return say(
                "Install the requirements again, or start with the face pack that comes with them (--pack embedded)."
            )
    return say("Mend what the sentence above names.")


def html(say: Language, error: CafError) -> str:
    """The page, which asks for itself again every few seconds."""
    return (
        f'<!doctype html><html lang="{say.code}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{LOOK_AGAIN_S:g}"><title>AgeTrans</title><style>{STYLE}</style></head>'
        f'<body><main><p id="wordmark">AgeTrans</p><h1>{say("This page is not ready yet.")}</h1><dl role="status">'
        f'<dt>{say("What is wrong")}</dt><dd id="wrong">{escape(say.sentence(str(error)))}</dd>'
        f'<dt>{say("What to do")}</dt><dd id="remedy">{escape(remedy(say, error))}</dd></dl>'
        f"<p>{say('The page looks again every few seconds and opens by itself. Nothing need be restarted.')}</p>"
        "</main></body></html>"
    )


def language_of(request: Request) -> Language:
    """The page's language if the address names one, else the first one that the browser wants and there is."""
    wanted = [request.url.path.strip("/")]
    wanted += [part.split(";")[0].strip()[:2].lower() for part in request.headers.get("accept-language", "").split(",")]
    return Language(next((code for code in wanted if code in NAMES), ENGLISH))


def application(state: State) -> Guard:
    """Answers every path with the page, and `/healthz` with the sentence as JSON; always 503."""
    headers = {"retry-after": f"{LOOK_AGAIN_S:g}", "cache-control": "no-store"}

    def health(_: Request) -> Response:
        return JSONResponse({"state": "not ready", "detail": state.sentence}, 503, headers)

    def page(request: Request) -> Response:
        return HTMLResponse(html(language_of(request), state.error), 503, headers)

    every = ["GET", "HEAD", "POST"]
    return Guard(Starlette(routes=[Route(HEALTH, health), Route("/{path:path}", page, methods=every)]))


def opened(open_: Callable[[], Opened], host: str, port: int, look_again_s: float = LOOK_AGAIN_S) -> Opened:
    """What `open_` gives; while it raises a CafError, its sentence is served.

    Raises:
        OSError: the port is taken, or the host is not ours.
    """
    try:
        return open_()
    except CafError as error:
        state = State(error)
    log.error("not ready: %s", state.sentence)
    with serving(state, host, port):
        while True:
            time.sleep(look_again_s)
            try:
                return open_()
            except CafError as error:
                if str(error) != state.sentence:
                    log.error("not ready: %s", error)
                state.error = error


@contextmanager
def serving(state: State, host: str, port: int) -> Iterator[None]:
    """The page on a port. Raises OSError if that is taken or the host is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host.strip("[]"), port), family=family) as listening:
        config = uvicorn.Config(application(state), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(STOP_S)
