"""Why an address is not fetched, in phrases that are the same for all cases of one kind, so they can be counted."""

from typing import Final, Literal, Self

from core.cells import visible
from core.errors import FetchRefused

Reason = Literal[
    "address malformed",
    "scheme not allowed",
    "port not allowed",
    "address not public",
    "host not found",
    "cannot connect",
    "connection broken",
    "broken answer",
    "too slow",
    "too large",
    "too many redirects",
    "not found",
    "refused by the server",
    "server busy",
    "server error",
    "asked to wait too long",
    "no picture",
    "encoded picture",
    "robots.txt forbids",
    "robots.txt unreadable",
    "robots.txt asks for too slow a pace",
    "reserved for text and data mining",
    "tdmrep.json unreadable",
    "noai",
    "noimageai",
    "noindex",
    "noimageindex",
    "fetching has ended",
]

MAX_DETAIL: Final = 200


class Refusal(FetchRefused):
    """One of the reasons, with what is special to this case."""

    def __init__(self, reason: Reason, detail: str = "", *, is_passing: bool = False) -> None:
        """Letters of `detail` that are not shown are escaped: much of it comes from servers.

        Args:
            is_passing: a later try may fare better.
        """
        self.reason: Final[Reason] = reason
        self.detail: Final = visible(detail[:MAX_DETAIL])
        self.is_passing: Final = is_passing
        super().__init__(f"{reason} ({self.detail})" if detail else reason)

    def again(self) -> Self:
        """The same, to be raised once more; it does not hold on to where it was first raised."""
        return type(self)(self.reason, self.detail, is_passing=self.is_passing)
