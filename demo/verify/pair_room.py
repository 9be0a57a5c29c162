"""The room for two photos: their faces get one score, and two verdicts on it."""

from collections.abc import Callable, Generator, Iterator
from typing import Any

import gradio as gr

from core.marking import mark
from demo import notices
from demo.answering import Refusal, answering
from demo.delivery import Delivery
from demo.language import Language
from demo.stopping import ARRIVING, IN_TURN, Askings, Updates, ending, in_order, in_turn_then, stops
from demo.studio import Studio
from demo.verify import words
from demo.verify.layout import PairLayout
from demo.verify.pairing import Pairing, Side, StripScore, age_meant
from demo.verify.words import Compared

Settled = tuple[Side | None, bool, Side | None, bool] | None
"""Both sides, each with its guardian's tick."""
BOTH_FIRST = "Both photos are needed, with a tick on each."
TICK_GUARDIAN = "Tick the second box of each photo that shows one."


class PairRoom(PairLayout):
    """The room and the answers to its events; what it keeps of a visitor lies in that visitor's `gr.State`."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery) -> None:
        super().__init__(studio, say, delivery)
        self.pairing = Pairing(studio)
        self.wire()

    def wire(self) -> None:
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        work = {**quiet, "concurrency_limit": 2, "concurrency_id": "work"}
        looking = {**quiet, **IN_TURN}
        first, second = self.sides
        to_settle = in_order(self.askings, self.moment, *self.both, self.settled_on)
        asked = in_order(self.askings, self.moment, first.side, first.guardian, first.years, self.rate)
        self.running = in_turn_then(self.run.click, self.strip_anew, asked, outputs=self.strip_parts, **work)
        pressed = [self.cancel.click, first.example.click, second.make.click]
        for one in self.sides:
            pressed += [one.photo.input, one.photo.clear, one.consent.input, one.faces.select, one.guardian.input]
        comparing = self.compare.click(self.hold_together, self.to_compare, self.told_parts, **looking)
        stops(pressed, [*self.running, comparing])
        to_stop = in_order(self.askings, self.moment)
        self.cancel.click(ending(self.stopped), outputs=[*self.stopped()], **to_stop, **quiet)

        def then_settle(event: Any) -> None:
            event.then(self.settle, outputs=self.settled, **to_settle, **looking)

        for one in self.sides:
            came = [one.photo, one.held, *one.found_parts]
            to_look = {"fn": one.look_once, "outputs": one.found_parts, **looking}
            to_look |= in_order(one.askings, one.moment, one.held, one.consent, one.side)
            arrivals = [
                gr.on(
                    [one.photo.input, one.photo.clear],
                    one.arrive,
                    one.photo,
                    came,
                    preprocess=False,
                    **quiet,
                    **ARRIVING,
                )
            ]
            if one is first:
                arrivals.append(one.example.click(one.take_example, None, came, **quiet, **ARRIVING))
            for arrived in arrivals:
                then_settle(arrived.then(**to_look))
            then_settle(one.consent.input(**to_look))
            then_settle(one.faces.select(one.pick, one.side, one.found_parts, **looking))
            one.guardian.input(self.settle, outputs=self.settled, **to_settle, **looking)
            self.again(one.years.input, quiet)
        making = [second.photo, second.held, *second.found_parts]
        to_make = in_order(self.askings, self.moment, first.side, first.guardian, second.wanted)
        then_settle(second.make.click(self.make_second, outputs=making, **to_make, **work))
        self.again(self.rate.input, quiet)

    def again(self, event: Callable[..., Any], quiet: dict[str, Any]) -> None:
        """After this event both verdicts on the same score are told anew."""
        asked = [self.compared, self.first.years, self.second.years, self.rate, self.first.side, self.second.side]
        event(self.tell_again, asked, [self.result, self.progress], trigger_mode="always_last", **quiet)

    def settle(
        self,
        askings: Askings,
        moment_ms: float,
        first: Side | None,
        guardian: bool,
        second: Side | None,
        other_guardian: bool,
        before: Settled = None,
    ) -> Updates:
        """After one side changed: nothing is compared; what was made of another face goes, or with a guardian's tick
        that is taken back. If none did, all stays.

        Args:
            before: what this was last told.
        """
        now = (first, guardian, second, other_guardian)
        if before is not None and all(one is other for one, other in zip(now, before, strict=True)):
            return {self.settled_on: now}
        has_first = may(first, guardian)
        is_first_made = first is not None and second is not None and second.made_from is first.face
        is_stale = second is not None and second.is_made and not (has_first and is_first_made)
        gone = {**self.second.blank(), self.second.photo: None, self.second.held: None} if is_stale else {}
        has_second = may(second, other_guardian) and not is_stale
        page = {
            self.compare: gr.update(interactive=has_first and has_second),
            self.second.make: gr.update(interactive=has_first),
            self.compared: None,
            self.settled_on: now,
            self.result: "",
            self.strip: "",
            self.progress: "",
            self.run: gr.update(visible=has_first),
            self.cancel: gr.update(visible=False),
            **gone,
        }
        askings.anew(moment_ms, page)
        return page

    def make_second(self, askings: Askings, moment_ms: float, *asked: Any) -> Updates:
        """As `second_made`, unless a side changes meanwhile."""
        made = self.second_made(*asked)
        return {self.second.notice: gr.skip()} if askings.has_ended(moment_ms) else made

    def second_made(self, first: Side | None, guardian: bool, wanted: int) -> Updates:
        """The first face at another age, as the second photo."""
        try:
            with answering():
                side = self.pairing.make(permitted(first, guardian), wanted)
                path = self.delivery.show(mark(side.photo), "made", side.made)
        except Refusal as refusal:
            return {**self.second.blank(), self.second.notice: self.trouble(str(refusal))}
        return {**self.second.met(side), self.second.photo: path, self.second.held: None}

    def hold_together(
        self,
        first: Side | None,
        guardian: bool,
        second: Side | None,
        other_guardian: bool,
        *ages_and_rate: Any,
    ) -> Updates:
        """Score the two faces once; the score alone is kept."""
        try:
            one, other = permitted(first, guardian), permitted(second, other_guardian)
            with answering():
                compared = Compared(score=self.pairing.score(one, other), is_made=one.is_made or other.is_made)
        except Refusal as refusal:
            return {self.progress: self.trouble(str(refusal))}
        years, other_years, rate = ages_and_rate
        # Of a face that was picked just before, this may come before its settling: that is then done already.
        settled_on = (first, guardian, second, other_guardian)
        return {
            self.compared: compared,
            self.settled_on: settled_on,
            **self.tell_again(compared, years, other_years, rate, one, other),
        }

    def tell_again(
        self,
        compared: Compared | None,
        years: Any,
        other_years: Any,
        rate: float,
        first: Side | None = None,
        second: Side | None = None,
    ) -> Updates:
        """Both verdicts on a score, at these ages and this rate."""
        if compared is None:
            return {self.progress: ""}
        try:
            with answering():
                told = self.told(compared, (age_meant(years, first), age_meant(other_years, second)), rate)
        except Refusal as refusal:
            return {self.result: "", self.progress: self.trouble(str(refusal))}
        return {self.result: told, self.progress: ""}

    def told(self, compared: Compared, ages_years: tuple[float, float], rate: float) -> str:
        """The outcome as HTML; without tables the score, and no verdict."""
        source = self.pairing.source
        seen = self.pairing.verdict(compared.score, ages_years, rate)
        if source is None or seen is None:
            return words.no_tables(self.say, self.pairing.recogniser, compared.score)
        return words.result(self.say, source, seen, source.table(rate), compared.is_made)

    def strip_anew(self, askings: Askings, moment_ms: float, *asked: Any) -> Iterator[Updates]:
        """Compare the strip, until something else is asked for."""
        yield from askings.while_newest(moment_ms, self.compare_strip(*asked), self.strip_parts)

    def compare_strip(self, first: Side | None, guardian: bool, years: Any, rate: float) -> Generator[Updates]:
        """The first face at every age against itself, one after the other; stops between two when cancelled."""
        total = len(self.pairing.groups())
        rows: list[StripScore] = []
        try:
            with answering():
                side = permitted(first, guardian)
                age_years = age_meant(years, side)
                yield {
                    self.progress: self.bar(0, total, self.say("Starting")),
                    self.run: gr.update(visible=False),
                    self.cancel: gr.update(visible=True),
                    self.strip: "",
                }
                for row in self.pairing.strip(side):
                    rows.append(row)
                    text = self.say("{done} of {total}", done=len(rows), total=total)
                    yield {
                        self.progress: self.bar(len(rows), total, text),
                        self.strip: self.strip_told(rows, age_years, rate),
                    }
        except Refusal as refusal:
            yield self.rested(self.trouble(str(refusal)))
            return
        yield self.rested("")

    def bar(self, done: int, total: int, text: str) -> str:
        return notices.progress(done, total, text, self.say("Ages compared"))

    def strip_told(self, rows: list[StripScore], age_years: float, rate: float) -> str:
        """The table of the strip as far as it goes."""
        seen = [
            (row, None if row.score is None else self.pairing.verdict(row.score, (age_years, row.years), rate))
            for row in rows
        ]
        return words.strip_table(self.say, seen)

    def rested(self, text: str) -> Updates:
        return {self.progress: text, self.run: gr.update(visible=True), self.cancel: gr.update(visible=False)}

    def stopped(self) -> Updates:
        return self.rested(notices.hint(self.say("Stopped. The ages compared so far are below.")))

    def trouble(self, sentence: str) -> str:
        return notices.trouble(self.say.sentence(sentence))


def may(side: Side | None, guardian: bool) -> bool:
    """Whether a side is there and may be worked on."""
    return side is not None and (guardian or not side.needs_guardian)


def permitted(side: Side | None, guardian: bool) -> Side:
    """The side, if it may be worked on. Raises Refusal."""
    if side is None:
        raise Refusal(BOTH_FIRST)
    if not may(side, guardian):
        raise Refusal(TICK_GUARDIAN)
    return side
