"""From questions to a table: what is known is taken, what is to be paid is agreed upon, the rest is asked."""

import collections
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from core.errors import BadImage, FaceppRefused
from training.facepp import Method, Service, checked_endpoint, credentials_from_environment
from training.facepp_asking import Asker, BudgetSpent, Manners, Stopped, gentle_stop
from training.facepp_command import Terms
from training.facepp_journal import Journal, open_journal, read_journal, write_recording
from training.facepp_outcome import Outcome
from training.facepp_questions import Checked, Question, pictures_of
from training.facepp_table import write_table

SAY_EVERY_S: Final = 0.5
Say = Callable[[str], None]


def make_table(method: Method, questions: Iterable[Question], out: Path, terms: Terms, say: Say) -> dict[str, Any]:
    """Make the CSV of the questions' answers, asking the service for those that no earlier run got.

    Args:
        out: the CSV; beside it lies NAME.journal.jsonl.
        say: takes a line of progress.
    Returns:
        counts: rows, of each status, requests charged so far; and where the files are.
    Raises:
        FaceppRefused, DataBroken, ValueError, OSError: one sentence each; what was answered is in the journal and,
            where anything was asked, in the CSV.
        KeyboardInterrupt: stopped by the user; likewise.
    """
    journal_path = out.with_suffix(".journal.jsonl")
    endpoint = require_sense(out, journal_path, terms)
    out.parent.mkdir(parents=True, exist_ok=True)
    manners = Manners(rate_per_s=terms.rate, num_tries=terms.tries, first_wait_s=terms.first_wait_s)
    if terms.replay is not None:
        checked = Checked(questions, read_journal(terms.replay).outcomes)
        write_table(out, method, checked.rows())
        return {**counts(checked), "out": str(out), "replayed": str(terms.replay)}
    with open_journal(journal_path, endpoint) as journal:
        if journal.contents.open_keys:
            number = len(journal.contents.open_keys)
            say(f"calls whose answer an earlier run lost, perhaps paid for: {number}")
        checked = Checked(questions, journal.contents.outcomes)
        service = agreed_service(checked, journal, endpoint, terms, say)
        try:
            if service is not None:
                with service:
                    asker = Asker(service, journal, manners, terms.max_calls)
                    ask_all(checked, asker, say)
        finally:
            write_table(out, method, checked.rows())
            if terms.record is not None:
                write_recording(terms.record, endpoint, answers(checked))
        charged = {"calls_charged_at_most": journal.contents.num_charged}
    return {**counts(checked), **charged, "out": str(out), "journal": str(journal_path)}


def require_sense(out: Path, journal_path: Path, terms: Terms) -> str:
    """The endpoint, once the terms are found to make sense together. Raises ValueError."""
    if out.suffix.lower() != ".csv":
        raise ValueError(f"the table is a CSV, so --out should end in .csv: {out}")
    for option, path in (("--out", out), ("--record", terms.record)):
        if path is not None and path.is_dir():
            raise ValueError(f"{option} {path} is a folder; give the path of a file")
    if terms.record is not None and terms.replay is not None:
        raise ValueError("either --record or --replay: a replay has nothing new to record")
    if terms.record is not None and terms.record.resolve() in (out.resolve(), journal_path.resolve()):
        raise ValueError(f"--record {terms.record} is the table or its journal; give another file")
    if terms.max_calls is not None and terms.max_calls < 1:
        raise ValueError(f"--max-calls is at least 1, got {terms.max_calls}")
    return checked_endpoint(terms.endpoint)


def agreed_service(checked: Checked, journal: Journal, endpoint: str, terms: Terms, say: Say) -> Service | None:
    """The service, once it is agreed that calls are paid for; None where none is to be made or allowed.

    Raises:
        FaceppRefused: no keys, or no consent.
    """
    num_calls = len(checked.pending)
    if not num_calls:
        return None
    spent = journal.contents.num_charged
    if terms.max_calls is not None:
        if spent >= terms.max_calls:
            say(f"--max-calls {terms.max_calls} is used up; raise it for the {num_calls} calls that are left")
            return None
        num_calls = min(num_calls, terms.max_calls - spent)
    service = Service(credentials_from_environment(), endpoint, terms.timeout_s)
    say(f"calls to be paid for: {num_calls}, before: {spent}; the pictures of faces go to {endpoint}")
    if terms.yes:
        return service
    if not sys.stdin.isatty():
        raise FaceppRefused(f"calls to be paid for: {num_calls}, and nobody is here to agree; give --yes if you do")
    say("A fault that is retried may add to it unless --max-calls caps all. Pay? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise FaceppRefused("not agreed, so nothing was sent")
    return service


def ask_all(checked: Checked, asker: Asker, say: Say) -> None:
    """Ask what is pending until all is answered or the budget spent. Raises as `make_table`."""
    progress = Progress(len(checked.pending), say)
    with gentle_stop(say) as is_stopped:
        for key, (question, fits) in checked.pending.items():
            try:
                outcome = asker.ask(key, question.method, pictures_of(question, fits), is_stopped)
            except BadImage as error:
                outcome = Outcome(key=key, status="unusable", error=str(error))
            except BudgetSpent:
                say("--max-calls is used up; raise it and start again for the rest")
                return
            except Stopped:
                raise KeyboardInterrupt from None
            checked.outcomes[key] = outcome
            progress.after(question, outcome)


class Progress:
    """Lines that say how far it is, how fast, and how long still."""

    def __init__(self, num_calls: int, say: Say) -> None:
        self._num_calls, self._say = num_calls, say
        self._num_done = 0
        self._started_s = time.monotonic()
        self._said_s = -float("inf")

    def after(self, question: Question, outcome: Outcome) -> None:
        """One more is done. Not each is said, but each without a number, and the last."""
        self._num_done += 1
        now = time.monotonic()
        is_last = self._num_done == self._num_calls
        if outcome.status == "ok" and now - self._said_s < SAY_EVERY_S and not is_last:
            return
        self._said_s = now
        rate = self._num_done / max(now - self._started_s, 1e-9)
        left_s = (self._num_calls - self._num_done) / rate
        result = outcome.cell if outcome.value is None else outcome.value
        place = f"{self._num_done} of {self._num_calls}, {rate:.2g} a second, {left_s:.0f} s left"
        self._say(f"{place}: {question.cell}: {result}")


def counts(checked: Checked) -> dict[str, int]:
    """Rows in all and of each status; "ok" always among them."""
    found = collections.Counter(outcome.status for _, outcome in checked.rows())
    return {"rows": found.total(), "ok": found["ok"], **dict(sorted(found.items()))}


def answers(checked: Checked) -> list[Outcome]:
    """What came from the service, in the order of the rows, each key once."""
    found = {outcome.key: outcome for _, outcome in checked.rows()}
    local = ("unusable", "no_original", "not_asked")
    return [outcome for outcome in found.values() if outcome.status not in local]
