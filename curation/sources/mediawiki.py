"""The API of a MediaWiki: answers read to their end, faults of the wiki named."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from core.errors import SourceBroken
from curation.sources.source import Ask

BATCH: Final = 50
"""Entities or pages that a wiki gives at once to those without an account."""
MAX_ROUNDS: Final = 1000


def answer(ask: Ask, url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """One answer. Raises SourceBroken where the wiki reports a fault or answers something else."""
    said = ask(url, {**parameters, "format": "json", "formatversion": "2"})
    if not isinstance(said, dict):
        raise SourceBroken(f"{url} answers no object to {parameters.get('action')}; check the address of the API.")
    if "error" in said:
        fault = said["error"] if isinstance(said["error"], dict) else {}
        shown = f"{fault.get('code', 'no code')}: {str(fault.get('info', ''))[:200]}"
        raise SourceBroken(f"{url} refuses {parameters.get('action')} ({shown}); try again later.")
    return said


def answers(ask: Ask, url: str, parameters: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """What a query gives, each `query` of an answer in turn, until the wiki has no more to say."""
    more: dict[str, str] = {}
    for _ in range(MAX_ROUNDS):
        said = answer(ask, url, {"action": "query", **parameters, **more})
        part = said.get("query", {})
        if isinstance(part, dict):
            yield part
        further = said.get("continue")
        if not isinstance(further, dict):
            return
        before, more = more, {str(name): str(value) for name, value in further.items()}
        if more == before:
            break
    raise SourceBroken(f"{url} does not come to an end of {parameters.get('list') or parameters.get('prop')}.")


def entities(ask: Ask, url: str, ids: Sequence[str], props: str = "") -> Iterator[dict[str, Any]]:
    """Entities by their ids, 50 a request, in the order asked for; those that are not there are passed over."""
    for batch in _batches(ids):
        parameters = {"action": "wbgetentities", "ids": "|".join(batch), **({"props": props} if props else {})}
        found = answer(ask, url, parameters).get("entities", {})
        for one in batch:
            entity = found.get(one) if isinstance(found, dict) else None
            if isinstance(entity, dict) and "missing" not in entity:
                yield entity


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
