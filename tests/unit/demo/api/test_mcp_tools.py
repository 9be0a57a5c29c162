"""The tools' own part: data URLs, arguments, a queue that is full. The protocol is tried in tests/integration."""

import asyncio
import base64
import threading
from typing import Any

import pytest
from mcp.types import CallToolResult, TextContent

from demo.answering import Refusal
from demo.api.calls import Calls
from demo.api.mcp_tools import BUSY, MAX_WAITING, NO_DATA_URL, TOOLS, McpTools, bytes_in


def test_a_data_url_is_what_it_holds() -> None:
    for kind in ("png", "jpeg", "webp", "svg+xml"):
        assert bytes_in(f"data:image/{kind};base64," + base64.b64encode(b"\x00pixels").decode()) == b"\x00pixels"


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "http://127.0.0.1/",
        "file:///etc/passwd",
        "data:text/html;base64,AAAA",
        "data:image/png,AAAA",
        None,
        5,
        ["data:"],
    ],
)
def test_everything_else_is_refused(sent: Any) -> None:
    with pytest.raises(Refusal) as refused:
        bytes_in(sent)
    assert str(refused.value) == NO_DATA_URL


@pytest.mark.parametrize("letters", ["AAAAA", "aé=="])
def test_what_is_not_whole_base64_is_refused(letters: str) -> None:
    with pytest.raises(Refusal, match="not base64"):
        bytes_in(f"data:image/png;base64,{letters}")


def test_every_tool_that_takes_a_photo_asks_for_the_agreement() -> None:
    for tool in TOOLS:
        takes_photo = {"photo", "first", "second"} & set(tool.inputSchema["properties"])
        assert bool(takes_photo) == ("agreed" in tool.inputSchema["required"])


class SlowCalls(Calls):
    """Lists its models only when told to."""

    def __init__(self) -> None:
        self.may_go = threading.Event()

    def models(self) -> list[dict[str, Any]]:
        self.may_go.wait(20)
        return []


def test_a_full_queue_is_said_at_once() -> None:
    calls = SlowCalls()
    tools = McpTools(calls, lambda _path: None)

    async def crowd() -> list[CallToolResult]:
        waiting = [asyncio.create_task(tools._call("models", {})) for _ in range(1 + MAX_WAITING)]
        await asyncio.sleep(0.3)
        refused = await tools._call("models", {})
        calls.may_go.set()
        return [refused, *await asyncio.gather(*waiting)]

    refused, *done = asyncio.run(crowd())
    assert refused.isError and isinstance(refused.content[0], TextContent) and refused.content[0].text == BUSY
    assert not any(result.isError for result in done)
