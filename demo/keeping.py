"""What the server holds of its visitors: for ten minutes at most, and no more than fits, whatever they do.

Gradio forgets by itself, but late: a session whose tab was closed for an hour, results that nobody comes for never,
files by their age alone. So everything is looked over every few seconds, oldest first.
"""

import asyncio
import logging
import math
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from weakref import WeakKeyDictionary

import anyio.to_thread
import gradio as gr

from demo.cache_folder import sweep
from demo.delivery import FORGET_AFTER_S

log = logging.getLogger(__name__)

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class KeepingLimits:
    """How long and how much."""

    forget_after_s: float = FORGET_AFTER_S
    """Since a photo came or a result was made; AGETRANS_FORGET_AFTER_S. The page promises ten minutes."""
    max_cache_bytes: int = 500 * MIB
    """Files of all visitors; AGETRANS_MAX_CACHE_MIB."""
    max_held_bytes: int = 1024 * MIB
    """Photos in memory of all visitors; AGETRANS_MAX_HELD_MIB."""
    left_after_s: float = 60.0
    """A visitor who has closed the page, or does not come for results, is waited for so long."""
    headers_timeout_s: float = 20.0
    """From a connection's start to the end of its first request's headers; the server itself waits for ever."""
    look_every_s: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.forget_after_s <= FORGET_AFTER_S:
            raise ValueError(f"photos are forgotten after 1 to {FORGET_AFTER_S} s, not {self.forget_after_s:g}")
        if self.max_cache_bytes < MIB or self.max_held_bytes < MIB:
            raise ValueError(f"{self.max_cache_bytes} and {self.max_held_bytes} bytes hold no photo; give 1 MiB each")

    @classmethod
    def from_environment(cls) -> Self:
        """As an operator says it. Raises ValueError for what is no such number."""
        return cls(
            forget_after_s=number("AGETRANS_FORGET_AFTER_S", FORGET_AFTER_S),
            max_cache_bytes=int(number("AGETRANS_MAX_CACHE_MIB", 500) * MIB),
            max_held_bytes=int(number("AGETRANS_MAX_HELD_MIB", 1024) * MIB),
        )


def number(name: str, default: float) -> float:
    """A finite number from the environment. Raises ValueError."""
    said = os.environ.get(name, "")
    try:
        value = float(said) if said else default
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} is {said!r}; give a number")
    return value


class Keeper:
    """Looks over what one page holds, on the page's own event loop."""

    def __init__(self, blocks: gr.Blocks, folder: Path, limits: KeepingLimits | None = None) -> None:
        self.blocks, self.folder, self.limits = blocks, folder, limits or KeepingLimits()
        self.closed_s: dict[str, float] = {}
        """Session -> when it was first seen closed."""
        self.unread_s: dict[str, float] = {}
        """Session -> since when results of it have been waiting."""
        self.silent_s: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        """Connection without a request -> since when."""
        self.new_bytes = 0
        """Sent by visitors since the folder was last looked at."""
        self.is_broken = False
        """Looking over failed, so nothing is forgotten any more; `/healthz` says so, and hosts start the app again."""

    @asynccontextmanager
    async def running(self, _app: Any = None) -> AsyncIterator[None]:
        """While the page is served. For an application's lifespan."""
        task = asyncio.create_task(self._run())
        task.add_done_callback(self._ended)
        try:
            yield
        finally:
            task.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.limits.look_every_s)
            self.look_over()
            await self.sweep()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.is_broken = True
            log.critical("what visitors sent is no longer deleted; start the app again", exc_info=task.exception())

    async def arriving(self, num_bytes: int) -> None:
        """A visitor sends so much: where it adds up, room is made before the next look."""
        self.new_bytes += num_bytes
        if self.new_bytes > self.limits.max_cache_bytes // 8:
            await self.sweep()

    async def sweep(self) -> None:
        self.new_bytes = 0
        await anyio.to_thread.run_sync(
            sweep, self.folder, self.limits.forget_after_s, self.limits.max_cache_bytes * 7 // 8
        )

    def look_over(self) -> None:
        """Forget what is old, what was left behind, and the oldest of what is too much."""
        now_s = time.monotonic()
        self._see_who_left(now_s)
        self._drop_unread(now_s)
        self._hang_up(now_s)
        held = sorted(self._held(), key=lambda one: one.age_s, reverse=True)
        seen: set[int] = set()
        sizes = {id(one): held_bytes(one.value, seen) for one in reversed(held)}  # shared with a newer: counted there
        total = sum(sizes.values())
        for one in held:
            is_left = now_s - self.closed_s.get(one.session, now_s) > self.limits.left_after_s
            if is_left or one.age_s > self.limits.forget_after_s or total > self.limits.max_held_bytes:
                one.forget()
                total -= sizes[id(one)]
        for files in self.blocks.temp_file_sets:
            files.difference_update({file for file in files if not Path(file).exists()})

    def _held(self) -> Iterator["Held"]:
        for name, session in list(self.blocks.state_holder.session_data.items()):
            for component, value, _ in list(session.state_components):
                since = session._state_ttl[component._id][1]
                age_s = (datetime.now() - since).total_seconds()
                yield Held(name, session, component, value, age_s)

    def _see_who_left(self, now_s: float) -> None:
        """A session that is used again after its line was lost counts as open."""
        holder = self.blocks.state_holder
        for name, session in list(holder.session_data.items()):
            if not session.is_closed:
                self.closed_s.pop(name, None)
            elif name not in self.closed_s:
                self.closed_s[name] = now_s
            elif (datetime.now() - holder.time_last_used[name]).total_seconds() < now_s - self.closed_s[name]:
                session.is_closed = False
                del self.closed_s[name]
        for name in self.closed_s.keys() - holder.session_data.keys():
            del self.closed_s[name]

    def _hang_up(self, now_s: float) -> None:
        """Close connections on which no request comes: each holds a descriptor, of which there are not many."""
        server = getattr(self.blocks, "server", None)
        for connection in () if server is None else list(server.server_state.connections):
            is_silent = getattr(connection, "cycle", self) is None
            if is_silent and now_s - self.silent_s.setdefault(connection, now_s) > self.limits.headers_timeout_s:
                connection.transport.close()

    def _drop_unread(self, now_s: float) -> None:
        """Results that wait for somebody who is not listening, and the work that would add to them."""
        queue = self.blocks._queue
        for name, messages in list(queue.pending_messages_per_session.items()):
            if messages.empty():
                self.unread_s.pop(name, None)
            elif now_s - self.unread_s.setdefault(name, now_s) > self.limits.left_after_s:
                for event in list(queue.event_ids_to_events.values()):
                    event.alive = event.alive and event.session_hash != name
                del queue.pending_messages_per_session[name]
                queue.pending_event_ids_session.pop(name, None)
        for name in self.unread_s.keys() - queue.pending_messages_per_session.keys():
            del self.unread_s[name]
        for name, events in list(queue.pending_event_ids_session.items()):
            if not events and name not in self.blocks.state_holder:
                del queue.pending_event_ids_session[name]
                queue.pending_messages_per_session.pop(name, None)


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """One thing that is held in one session."""

    session: str
    state: Any
    """Gradio's SessionState."""
    component: Any
    value: Any
    age_s: float

    def forget(self) -> None:
        self.component.delete_callback(self.value)
        self.state.state_data.pop(self.component._id, None)
        self.state._state_ttl.pop(self.component._id, None)


def held_bytes(value: Any, seen: set[int]) -> int:
    """Bytes of arrays, tensors and files in a value, however deep; what is in `seen` by its id counts nothing."""
    total, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str | int | float | bool | None) or id(one) in seen:
            continue
        seen.add(id(one))
        base = getattr(one, "base", None)
        if base is not None and hasattr(base, "nbytes"):
            waiting.append(base)  # a view keeps the whole of it
        elif isinstance(one, bytes | bytearray):
            total += len(one)
        elif hasattr(one, "nbytes"):
            total += int(one.nbytes)
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        elif is_dataclass(one):
            waiting += [getattr(one, field.name) for field in fields(one)]
        else:
            waiting += vars(one).values() if hasattr(one, "__dict__") else ()
    return total
