"""What stands before Gradio's own application: limits, headers, closed ways in, `/healthz`, the tools for assistants.

Gradio serves more than a page needs. What reads other hosts for whoever asks, writes a visitor's state to disk, runs
programs, or lists what is private, is closed here. The guard stands outermost, so that no answer goes without its
headers, be it an error of the application or one to a question about origins.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import gradio as gr
from gradio import processing_utils
from gradio.routes import App, ORJSONResponse

from demo.admission import Admission
from demo.api import mcp_tools
from demo.api.mcp_tools import McpTools
from demo.guard import Application, Guard, Message, Receive, RequestLimits, Send, answer
from demo.keeping import Keeper
from demo.sessions import Sessions

HEALTH = "/healthz"
BROKEN = "What visitors sent is no longer deleted in time. Start the app again; its log says what went wrong."
CLOSED = re.compile(
    r"/monitoring(/.*)?|/login/?|/logout|/openapi\.json"
    r"|/gradio_api/(proxy=.*|deep_link|dev/.*|runs/?|run-history/.*|process_recording|vibe-.*|undo-vibe-.*|profiling/.*)"
)
"""Other people's hosts read through us; state written to disk; programs run; what nobody here uses."""
FOREIGN_FILE = re.compile(r"/gradio_api/file[=/](?!/).*")
"""Files are named by absolute paths; all else names another host."""
ALL_ENDPOINTS = "all_endpoints"
"""The parameter with which Gradio lists private endpoints too."""


class Front(App):  # type: ignore[misc]
    """Gradio's application behind the guard."""

    def __init__(self, limits: RequestLimits, tools: McpTools, keeper: Keeper | None = None) -> None:
        super().__init__(default_response_class=ORJSONResponse, openapi_url=None)
        self.limits, self.tools, self.keeper = limits, tools, keeper
        self.state_holder = Sessions()

    @asynccontextmanager
    async def running(self, app: App) -> AsyncIterator[None]:
        """What goes on as long as the page is served. For its lifespan."""
        async with self.tools.running(app), nullcontext() if self.keeper is None else self.keeper.running():
            yield

    def build_middleware_stack(self) -> Application:
        """Every request goes through what this gives; called once, with the first of them."""
        arriving = None if self.keeper is None else self.keeper.arriving
        admission = Admission(super().build_middleware_stack(), self.get_blocks, arriving=arriving)
        doors = Doors(admission, self.tools, self.keeper)
        most = max(self.limits.max_body_bytes, mcp_tools.MAX_BODY_BYTES)
        for_page = Guard(doors, self.limits)
        for_tools = Guard(doors, replace(self.limits, max_body_bytes=most))

        async def guarded(scope: Message, receive: Receive, send: Send) -> None:
            is_tool = str(scope.get("path", "")).rstrip("/") == mcp_tools.PATH
            await (for_tools if is_tool else for_page)(scope, receive, send)

        return guarded


class Doors:
    """ASGI wrapper: answers at some paths itself, and closes others."""

    def __init__(self, app: Application, tools: McpTools, keeper: Keeper | None) -> None:
        self.app, self.tools, self.keeper = app, tools, keeper

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = str(scope["path"])
        if path == HEALTH:
            if self.keeper is not None and self.keeper.is_broken:
                await answer(send, 503, {"state": "not ready", "detail": BROKEN})
            else:
                await answer(send, 200, {"state": "ready"})
        elif CLOSED.fullmatch(path):
            await answer(send, 404, {"detail": "Not Found"})
        elif FOREIGN_FILE.fullmatch(path):
            await answer(send, 403, {"detail": "File not allowed"})
        elif path.rstrip("/") == mcp_tools.PATH:
            if scope["method"] == "POST":
                await self.tools(scope, receive, send)
            else:
                await answer(send, 405, {"detail": "Tools are called with POST; see docs/api.md."})
        else:
            await self.app({**scope, "query_string": without_all(scope["query_string"])}, receive, send)


def without_all(query: bytes) -> bytes:
    """A query string without the parameter that lists private endpoints."""
    if ALL_ENDPOINTS.encode() not in query.lower() and b"%" not in query:
        return query
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if not any(name == ALL_ENDPOINTS for name, _ in pairs):
        return query
    return urlencode([pair for pair in pairs if pair[0] != ALL_ENDPOINTS]).encode()


async def refuse_to_fetch(*_address: object, **_folder: object) -> str:
    """In the stead of what fetches the addresses that clients name in place of files."""
    raise gr.Error("Send the file itself; addresses are not fetched from here.", print_exception=False)


def close_fetching() -> None:
    """Gradio fetches any public address that a client names as a file, and has no switch for it."""
    processing_utils.async_ssrf_protected_download = refuse_to_fetch
    processing_utils.async_ssrf_protected_get = refuse_to_fetch
