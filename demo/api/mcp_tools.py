"""The calls as tools of the Model Context Protocol, over HTTP at /gradio_api/mcp: for assistants.

Gradio has an MCP server of its own, but it encodes every picture anew on its way out, which takes the signature off,
and it fetches addresses that a client names. Here photos come as data: URLs, files leave as they are, and nothing
touches the network or the disk but what the page would leave there too.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent, Tool

from core.align import Photo
from demo.answering import Refusal
from demo.api.calls import Calls, require_agreed
from demo.guard import Message, Receive, Send

PATH = "/gradio_api/mcp"
MAX_BODY_BYTES = 24 * 1024 * 1024
"""A photo as base64 is a third larger than it is; two of them may come at once."""
MAX_WAITING = 8
DATA_URL = re.compile(r"data:image/[\w.+-]{1,40};base64,")
NO_DATA_URL = (
    "Send the photo itself as a data: URL, such as data:image/jpeg;base64,...; addresses are not fetched from here."
)
BUSY = "Too many are waiting; try it again in a minute."
INSTRUCTIONS = (
    "Shows faces at other ages, reads ages, and says whether two photos show one person. Ask the people in a photo "
    "first: agreed must be true. Results are guesses, carry a visible label, and identify nobody."
)

PHOTO = {"type": "string", "description": "The photo as a data: URL (JPEG, PNG or WebP, base64)."}
AGREED = {"type": "boolean", "description": "Must be true: the person is an adult and agrees, or it is you."}
GUARDIAN_AGREES = {"type": "boolean", "default": False, "description": "True for a face under 18: the guardian agrees."}
YEARS = {"type": "number", "minimum": 0, "maximum": 120}


def schema(required: tuple[str, ...], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


TOOLS = (
    Tool(
        name="age_face",
        description="Show one face of a photo at other ages, put back into the photo. Gives PNG pictures with a "
        "visible label, and a record of how they were made.",
        inputSchema=schema(
            ("photo", "agreed"),
            photo=PHOTO,
            ages={
                "type": "array",
                "items": YEARS,
                "maxItems": 20,
                "description": "Years; all groups if left out.",
            },
            model={"type": "string", "default": "", "description": "As the tool models lists them."},
            face={"type": "integer", "default": 0, "minimum": 0, "description": "0 is the largest face."},
            agreed=AGREED,
            guardian_agrees=GUARDIAN_AGREES,
        ),
    ),
    Tool(
        name="present_age",
        description="Read the age of every face in a photo, with the interval that holds four of five true ages.",
        inputSchema=schema(("photo", "agreed"), photo=PHOTO, agreed=AGREED),
    ),
    Tool(
        name="verify_faces",
        description="Say whether two photos show one person, by a threshold made for the two ages and by one for all.",
        inputSchema=schema(
            ("first", "second", "agreed"),
            first=PHOTO,
            second=PHOTO,
            ages={"type": "array", "items": YEARS, "maxItems": 2, "description": "The two ages; read if left out."},
            agreed=AGREED,
            guardian_agrees=GUARDIAN_AGREES,
        ),
    ),
    Tool(name="models", description="List the models, with age groups and terms.", inputSchema=schema(())),
)


class McpTools:
    """An ASGI application; `running` must be open while it answers."""

    def __init__(self, calls: Calls, forget: Callable[[str], None]) -> None:
        """Args:
        calls: what is called.
        forget: told the path of every file that was made, to delete it later.
        """
        self.calls, self.forget = calls, forget
        self.turn = anyio.CapacityLimiter(1)
        server: Server[Any, Any] = Server("AgeTrans", instructions=INSTRUCTIONS)
        server.list_tools()(self._list)  # type: ignore[no-untyped-call]
        server.call_tool(validate_input=False)(self._call)  # its own check would send photos back in its errors
        self.sessions = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=MAX_BODY_BYTES
        )

    @asynccontextmanager
    async def running(self, _app: object) -> AsyncIterator[None]:
        """As an application's lifespan."""
        async with self.sessions.run():
            yield

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await self.sessions.handle_request(scope, receive, send)

    async def _list(self) -> list[Tool]:
        return list(TOOLS)

    async def _call(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        if self.turn.statistics().tasks_waiting >= MAX_WAITING:
            return refused(BUSY)
        try:
            work = partial(self._answer, name, arguments)
            return CallToolResult(content=await anyio.to_thread.run_sync(work, limiter=self.turn))
        except Refusal as refusal:
            return refused(str(refusal))

    def _answer(self, name: str, sent: dict[str, Any]) -> list[ContentBlock]:
        known = {tool.name: tool.inputSchema["properties"] for tool in TOOLS}
        if name not in known:
            raise Refusal(f"There is no such tool; there are {', '.join(known)}.")
        if unknown := set(sent) - set(known[name]):
            raise Refusal(f"{name} takes no argument {sorted(unknown)[0][:40]!r}; it takes {', '.join(known[name])}.")
        if name == "models":
            return [text(self.calls.models())]
        agreed, guardian = sent.get("agreed"), sent.get("guardian_agrees")
        require_agreed(agreed)
        match name:
            case "age_face":
                aged = self.calls.age_face(
                    self._photo(sent.get("photo")),
                    ages=sent.get("ages"),
                    model=sent.get("model"),
                    face=sent.get("face", 0),
                    agreed=agreed,
                    guardian_agrees=guardian,
                )
                return [*map(self._picture, aged.files), text(aged.record)]
            case "present_age":
                return [text(self.calls.present_age(self._photo(sent.get("photo")), agreed=agreed))]
        pair = self._photo(sent.get("first")), self._photo(sent.get("second"))
        told = self.calls.verify_faces(*pair, ages=sent.get("ages"), agreed=agreed, guardian_agrees=guardian)
        return [text(told)]

    def _photo(self, sent: Any) -> Photo:
        return self.calls.read(bytes_in(sent))

    def _picture(self, path: str) -> ImageContent:
        """A file as it lies there, byte for byte."""
        self.forget(path)
        data = base64.b64encode(Path(path).read_bytes()).decode()
        return ImageContent(type="image", data=data, mimeType="image/png")


def bytes_in(sent: Any) -> bytes:
    """Bytes of a data: URL. Raises Refusal for anything else."""
    start = DATA_URL.match(sent) if isinstance(sent, str) else None
    if start is None:
        raise Refusal(NO_DATA_URL)
    try:
        return base64.b64decode(sent[start.end() :], validate=True)
    except ValueError:  # what is no ASCII, too
        raise Refusal("The data: URL of the photo is not base64; send it whole.") from None


def text(value: Any) -> TextContent:
    """A value for JSON."""
    return TextContent(type="text", text=json.dumps(value))


def refused(sentence: str) -> CallToolResult:
    """A sentence that says why there is no result."""
    return CallToolResult(content=[TextContent(type="text", text=sentence)], isError=True)
