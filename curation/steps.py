"""The two steps that touch every picture: its bytes are fetched, its face is looked at. Functions on batches of rows.

Neither knows how it is run; each is made once in its process. What was fetched is written into the journal of its shard
before it is handed on, so that after a kill no address is asked twice.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from cafdata import lock
from curation.columns import ANSWER, DROP, SEEN
from curation.engine import Rows, Step, Work
from curation.faces import FaceRules
from curation.fetch import Fetched, Fetcher, FetchRules, NotModified, Validators
from curation.journal import Journal
from curation.recipe import Recipe
from curation.run_folder import drop_row
from curation.seen import Seen
from curation.stage import Drop

FETCHED: Final = pa.struct([("data", pa.binary()), ("answer", ANSWER), ("drop", DROP), ("is_unchanged", pa.bool_())])
LOOKED: Final = pa.struct(
    [("answer", ANSWER), ("drop", DROP), ("is_unchanged", pa.bool_()), *SEEN, ("embedding", pa.list_(pa.float32()))]
)
FETCH_ROWS: Final = 64
"""Pictures asked for at once, at most; about so many are in memory between the steps."""
LOOK_ROWS: Final = 8
MAX_OPEN: Final = 16
"""Journals open at once."""
MAX_FILE_BYTES: Final = 32 << 20
"""Largest local picture, as for those on the web."""


def steps_of(recipe: Recipe, fetched: Path) -> list[Step]:
    """Both steps of a recipe; journals lie in the folder `fetched`."""
    look = LookStep(pack=recipe.pack, estimator=recipe.estimator, faces=recipe.faces, threads=recipe.engine.threads)
    return [
        Step(
            name="fetched",
            make=FetchStep(rules=recipe.fetch, folder=fetched),
            takes=("shard", "picture_id", "url", "path", "etag", "last_modified", "refusal"),
            gives=FETCHED,
            batch_rows=FETCH_ROWS,
        ),
        Step(
            name="looked",
            make=look,
            takes=("fetched",),
            gives=LOOKED,
            spends=("fetched",),
            batch_rows=LOOK_ROWS,
            workers=recipe.engine.workers,
            gpus=recipe.engine.gpus,
            threads=recipe.engine.threads,
        ),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchStep:
    """Makes what fetches: rows with an address or a path in, their bytes or a Drop out."""

    rules: FetchRules | None
    """None where all pictures are local."""
    folder: Path
    """Of the journals."""

    def __call__(self) -> Work:
        fetching = _Fetching(None if self.rules is None else Fetcher(self.rules), self.folder)
        # The process of a run that was killed may be at the journals for a moment yet.
        fetching.held.enter_context(lock.writing(self.folder, is_patient=True))
        return fetching.work


class _Fetching:
    """A fetcher with the journals of the shards it is at."""

    def __init__(self, fetcher: Fetcher | None, folder: Path) -> None:
        self.fetcher, self.folder = fetcher, folder
        self.journals: OrderedDict[int, Journal] = OrderedDict()
        self.held = ExitStack()
        """The journals' folder, until the process ends."""

    def work(self, rows: Rows) -> Rows:
        """Outcomes of a batch, what the journals know among them."""
        made: Rows = [{}] * len(rows)
        wanted: list[int] = []
        for number, row in enumerate(rows):
            if row["refusal"] is not None:
                made[number] = outcome_row(Drop(stage="source", reason=row["refusal"]))
            elif row["path"] is not None:
                made[number] = read_file(Path(row["path"]), row["etag"])
            elif (known := self._journal(row["shard"]).read(row["url"])) is not None:
                made[number] = decoded(known)
            else:
                wanted.append(number)
        if wanted:
            assert self.fetcher is not None, "a recipe with addresses has rules for fetching them"
            journals = {rows[number]["shard"]: self._journal(rows[number]["shard"]) for number in wanted}

            def keep(place: int, outcome: Fetched | NotModified | Drop) -> None:
                row = rows[wanted[place]]
                made[wanted[place]] = found = outcome_row(outcome)
                if not (isinstance(outcome, Drop) and outcome.is_passing):
                    journals[row["shard"]].append(row["url"], encoded(found))

            self.fetcher.fetch_many([(rows[number]["url"], _validators(rows[number])) for number in wanted], keep)
        while len(self.journals) > MAX_OPEN:
            self.journals.popitem(last=False)[1].close()
        return made

    def _journal(self, shard: int) -> Journal:
        if shard not in self.journals:
            self.journals[shard] = Journal(self.folder / f"{shard:06d}.journal")
        self.journals.move_to_end(shard)
        return self.journals[shard]


def outcome_row(outcome: Fetched | NotModified | Drop) -> dict[str, Any]:
    """What a fetch came to, as a row of FETCHED."""
    row: dict[str, Any] = {"data": None, "answer": None, "drop": None, "is_unchanged": False}
    if isinstance(outcome, Drop):
        return row | {"drop": drop_row(outcome)}
    if isinstance(outcome, NotModified):
        return row | {"is_unchanged": True}
    answer = {"url": outcome.url, "content_type": outcome.content_type, **asdict(outcome.validators)}
    return row | {"data": outcome.data, "answer": answer}


def read_file(path: Path, known: str | None = None) -> dict[str, Any]:
    """A local picture file, as a row of FETCHED; its SHA-256 stands for the tag by which servers know versions."""
    reason = detail = ""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason, detail = "file cannot be read", f"{path}: {error.strerror}"
    else:
        if len(data) <= MAX_FILE_BYTES:
            tag = hashlib.sha256(data).hexdigest()
            answer = {"url": None, "content_type": None, "etag": tag, "last_modified": None}
            is_unchanged = tag == known
            kept = None if is_unchanged else data
            return {"data": kept, "answer": answer, "drop": None, "is_unchanged": is_unchanged}
        reason, detail = "too large", f"{path} has more than {MAX_FILE_BYTES >> 20} MB"
    drop = Drop(stage="fetch", reason=reason, detail=detail)
    return {"data": None, "answer": None, "drop": drop_row(drop), "is_unchanged": False}


def encoded(row: Mapping[str, Any]) -> bytes:
    """A row of FETCHED for a journal."""
    head = {name: value for name, value in row.items() if name != "data"} | {"has_data": row["data"] is not None}
    return json.dumps(head).encode() + b"\n" + (row["data"] or b"")


def decoded(value: bytes) -> dict[str, Any]:
    """Inverse of `encoded`."""
    head, _, data = value.partition(b"\n")
    row: dict[str, Any] = json.loads(head)
    return row | {"data": data if row.pop("has_data") else None}


def _validators(row: Mapping[str, Any]) -> Validators | None:
    if row["etag"] is None and row["last_modified"] is None:
        return None
    return Validators(etag=row["etag"], last_modified=row["last_modified"])


@dataclass(frozen=True, kw_only=True, slots=True)
class LookStep:
    """Makes what looks: bytes in, a face with all its measures or a Drop out."""

    pack: str
    estimator: str
    faces: FaceRules
    threads: int

    def __call__(self) -> Work:
        import torch

        from curation.looking import Looker

        torch.set_num_threads(self.threads)
        looker = Looker(pack=self.pack, estimator=self.estimator, rules=self.faces, threads=self.threads)

        def work(rows: Rows) -> Rows:
            fetched = [row["fetched"] for row in rows]
            there = [one for one in fetched if one["data"] is not None]
            looked = iter(looker.look_all([one["data"] for one in there]))
            return [_looked(one, next(looked) if one["data"] is not None else None) for one in fetched]

        return work


def embed_step(recipe: Recipe) -> Step:
    """Embeds the faces of a run anew, from what is kept of them."""
    return Step(
        name="embedded",
        make=EmbedStep(pack=recipe.pack, threads=recipe.engine.threads),
        takes=("face", "points", "points_convention", "framing"),
        gives=pa.struct([("embedding", pa.list_(pa.float32()))]),
        spends=("face",),
        batch_rows=LOOK_ROWS,
        workers=recipe.engine.workers,
        gpus=recipe.engine.gpus,
        threads=recipe.engine.threads,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbedStep:
    """Makes what embeds: rows of `seen` in, an embedding out where there is a face."""

    pack: str
    threads: int

    def __call__(self) -> Work:
        import torch

        from core.detect import open_pack
        from curation.faces import embed_kept

        torch.set_num_threads(self.threads)
        pack = open_pack(self.pack, threads=self.threads, is_sparing=True)

        def work(rows: Rows) -> Rows:
            return [
                {
                    "embedding": None
                    if row["face"] is None
                    else embed_kept(pack, row["face"], row["points"], row["points_convention"], row["framing"]).tolist()
                }
                for row in rows
            ]

        return work


def _looked(fetched: Mapping[str, Any], outcome: Seen | Drop | None) -> dict[str, Any]:
    """A row of LOOKED."""
    row = {name: fetched[name] for name in ("answer", "drop", "is_unchanged")}
    if isinstance(outcome, Drop):
        return row | {"drop": drop_row(outcome)}
    return row if outcome is None else row | outcome.to_row()
