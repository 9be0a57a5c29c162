"""Whatever goes wrong with a request becomes one sentence; what nobody foresaw is logged."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import CafError

log = logging.getLogger(__name__)

APOLOGY = "Something went wrong on this side, not with your photo. Try it again."


class Refusal(Exception):
    """A request that got no result; the text is the sentence to show, in English."""


@contextmanager
def answering() -> Iterator[None]:
    """Around the work for a request: whatever goes wrong becomes a `Refusal`; what is no CafError is logged."""
    try:
        yield
    except Refusal:
        raise
    except CafError as error:
        raise Refusal(str(error)) from error
    except Exception as error:
        log.exception("request failed")
        raise Refusal(APOLOGY) from error
