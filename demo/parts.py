"""The parts of a form that is being sent, counted while they arrive: how many, and how much that is no file."""

from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MAX_BOUNDARY_LENGTH, MultipartParser, parse_options_header


@dataclass(frozen=True, kw_only=True, slots=True)
class FormLimits:
    """What a form may consist of. Files go to disk as they come; everything else is held in memory."""

    max_parts: int = 8
    """Files and fields together; the page sends one file at a time."""
    max_field_bytes: int = 64 * 1024
    """All parts that are no file, together."""

    def __post_init__(self) -> None:
        if self.max_parts < 1 or self.max_field_bytes < 0:
            raise ValueError(f"limits of a form cannot be {self.max_parts} parts and {self.max_field_bytes} bytes")


class PartCounter:
    """Reads along with a form's body, keeps nothing of it but numbers."""

    def __init__(self, boundary: bytes, limits: FormLimits) -> None:
        self.limits = limits
        self.num_parts = 0
        self.num_field_bytes = 0
        self._is_file = False
        self._is_broken = False
        self._name, self._value = b"", b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._add(data[start:end], b""),
                "on_header_value": lambda data, start, end: self._add(b"", data[start:end]),
                "on_header_end": self._end_header,
                "on_part_data": self._data,
            },
        )

    def read(self, chunk: bytes) -> bool:
        """Take in the next piece. Returns whether the form is within its limits; a broken one is left to its reader."""
        if not self._is_broken:
            try:
                self._parser.write(chunk)
            except FormParserError:
                self._is_broken = True
        return self.num_parts <= self.limits.max_parts and self.num_field_bytes <= self.limits.max_field_bytes

    def _begin(self) -> None:
        self.num_parts += 1
        self._is_file = False

    def _add(self, name: bytes, value: bytes) -> None:
        self._name += name
        self._value += value

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._is_file = b"filename" in options
        self._name, self._value = b"", b""

    def _data(self, _data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self.num_field_bytes += end - start


def boundary_of(content_type: bytes) -> bytes | None:
    """The boundary that a form's content type names; None for what is no form, or has none that can be."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    return boundary if kind == b"multipart/form-data" and 0 < len(boundary) <= MAX_BOUNDARY_LENGTH else None
