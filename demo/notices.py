"""Pieces of HTML that every tab shows: what went wrong, what to do next, how far something is."""

from html import escape


def trouble(sentence: str) -> str:
    """A sentence about something that did not work; read out at once."""
    return f'<p class="notice trouble" role="alert">{escape(sentence)}</p>'


def hint(sentence: str) -> str:
    """A sentence about what to do next."""
    return f'<p class="notice hint" role="status">{escape(sentence)}</p>'


def progress(done: float, total: float, text: str, name: str) -> str:
    """A bar with words beside it.

    Args:
        done: how much is there, 0..total.
        total: what there will be.
        text: what to read beside the bar.
        name: what the bar is of, for those who hear the page.
    """
    return (
        f'<div class="notice hint" role="status"><progress max="{total:g}" value="{done:g}" '
        f'aria-label="{escape(name)}"></progress><span>{escape(text)}</span></div>'
    )
