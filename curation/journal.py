"""What is known already, in a file that only grows: answers of servers, so that none is asked twice.

A record is a head (magic, lengths, CRC-32), a key and a value. Each is on the disk before `append` returns. What a
killed writer left unfinished at the end is cut off when the file is opened next; everything before it counts.
"""

import os
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MAGIC: Final = 0x43414A31
HEAD: Final = struct.Struct("<IIQI")
"""Magic, bytes of the key, bytes of the value, CRC-32 of both."""
MAX_KEY_BYTES: Final = 1 << 16
MAX_VALUE_BYTES: Final = 1 << 31


class Journal:
    """One journal file, for one process at a time; safe to share between its threads."""

    def __init__(self, path: Path) -> None:
        """Open a journal, new or already there. Raises OSError where the folder is missing or not writable."""
        self.path = path
        self._lock = threading.Lock()
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._places: dict[str, tuple[int, int]] = {}
        """Key to offset and length of its value."""
        self._end = 0
        for key, start, length in self._scan():
            self._places[key] = (start, length)
            self._end = start + length
        if os.fstat(self._handle).st_size > self._end:
            os.ftruncate(self._handle, self._end)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def read(self, key: str) -> bytes | None:
        """The last value of a key; None if it has none."""
        place = self._places.get(key)
        return None if place is None else os.pread(self._handle, place[1], place[0])

    def append(self, key: str, value: bytes) -> None:
        """Add a value; on return it is on the disk. It takes the place of an earlier one."""
        name = key.encode()
        if len(name) > MAX_KEY_BYTES:
            raise ValueError(f"a key has at most {MAX_KEY_BYTES} bytes, got {len(name)}: {key[:80]!r}")
        head = HEAD.pack(MAGIC, len(name), len(value), zlib.crc32(value, zlib.crc32(name)))
        with self._lock:
            rest = memoryview(head + name + value)
            position = self._end
            while rest:
                written = os.pwrite(self._handle, rest, position)
                position += written
                rest = rest[written:]
            os.fdatasync(self._handle)
            self._places[key] = (position - len(value), len(value))
            self._end = position

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)

    def _scan(self) -> Iterator[tuple[str, int, int]]:
        """Key, offset and length of the value of every whole record, up to the first that is none."""
        size, position = os.fstat(self._handle).st_size, 0
        while position + HEAD.size <= size:
            magic, key_bytes, value_bytes, checksum = HEAD.unpack(os.pread(self._handle, HEAD.size, position))
            start = position + HEAD.size + key_bytes
            if magic != MAGIC or key_bytes > MAX_KEY_BYTES or value_bytes > MAX_VALUE_BYTES:
                return
            if start + value_bytes > size:
                return
            body = os.pread(self._handle, key_bytes + value_bytes, position + HEAD.size)
            if len(body) != key_bytes + value_bytes or zlib.crc32(body) != checksum:
                return
            yield body[:key_bytes].decode("utf-8", "replace"), start, value_bytes
            position = start + value_bytes
