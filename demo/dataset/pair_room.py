"""Pairs of an archive: score and both verdicts, those that differ, and doubts for the archive's keeper."""

from collections.abc import Generator, Iterator
from typing import Any

import gradio as gr

from demo import consent, notices
from demo.answering import Refusal, answering
from demo.boxes import tiles
from demo.dataset import words
from demo.dataset.letterbox import REASONS, doubt_of
from demo.dataset.pairing import GAPS_YEARS, PairQuery, PairSearch, begin, look
from demo.dataset.people_room import CONSENT, TICK_FIRST
from demo.dataset.recognition import Recognition
from demo.dataset.shelf import Shelf
from demo.delivery import FORGET_AFTER_S, Delivery
from demo.language import Language
from demo.stopping import Askings, Updates, ending, in_order, stops

UNDER_18 = "Pictures of under-18s too: these people are grown up or never lived, or I may look at them."
CHANGED = "The archive has changed since these pairs were drawn. Press “Look at pairs” again."
NOWHERE = "This archive has no keeper to write to from here, so nothing was filed. Start the app with --archive FOLDER."


class PairRoom:
    """Components and answers; built inside an open tab."""

    def __init__(self, recognition: Recognition, say: Language, delivery: Delivery, shelf: Shelf) -> None:
        self.recognition, self.say, self.delivery, self.shelf = recognition, say, delivery, shelf
        self.search: Any = gr.State(None, time_to_live=FORGET_AFTER_S)
        self.seen: Any = gr.State([], time_to_live=FORGET_AFTER_S)
        """Picture ids of the pairs on show."""
        self.picked: Any = gr.State(None)
        self.askings: Any = gr.State(Askings())

    def build(self) -> None:
        say = self.say
        self.moment = gr.Number(0, visible=False)
        with gr.Row(elem_id="dataset-pair-choice"):
            kinds = [(say("one person"), "same"), (say("two people"), "different")]
            self.kind = gr.Radio(kinds, value="same", label=say("Pairs of"), elem_id="dataset-kind")
            gaps = [(say("any"), 0), *((self.gap_named(number), number) for number in range(1, len(GAPS_YEARS)))]
            self.gap = gr.Dropdown(gaps, value=0, label=say("Years between them"), elem_id="dataset-gap")
            shown = [(say("all"), "all"), (say("verdicts differ"), "differ"), (say("doubtful"), "doubtful")]
            self.shown = gr.Radio(shown, value="all", label=say("Show"), elem_id="dataset-shown")
        self.consent = consent.consent_box(say, "dataset-pairs-consent", CONSENT)
        self.guardian = gr.Checkbox(label=say(UNDER_18), elem_id="dataset-pairs-guardian", elem_classes="consent",
                                    container=False)  # fmt: skip
        with gr.Row(elem_id="dataset-pairs-run"):
            self.start = gr.Button(say("Look at pairs"), variant="primary", elem_id="dataset-pairs-start")
            self.more = gr.Button(say("More pairs"), interactive=False, elem_id="dataset-pairs-more")
            self.stop = gr.Button(say("Stop"), variant="stop", visible=False, elem_id="dataset-pairs-stop")
        self.note = gr.HTML(elem_id="dataset-pairs-note", padding=False)
        self.pairs = tiles(say("Pairs"), "dataset-pairs", columns=2, visible=True)
        with gr.Row(elem_id="dataset-doubt"):
            reasons = [(say(one), one) for one in REASONS]
            self.reason = gr.Dropdown(reasons, value=REASONS[0], label=say("Doubt about the pair pressed"),
                                      elem_id="dataset-reason")  # fmt: skip
            self.send = gr.Button(say("Send to the keeper"), elem_id="dataset-send")

    def gap_named(self, number: int) -> str:
        """A gap of `GAPS_YEARS` for people."""
        low, high = GAPS_YEARS[number]
        if number == len(GAPS_YEARS) - 1:
            return self.say("{low} years and more", low=low)
        return self.say("{low} to {high} years", low=low, high=high)

    def wire(self, archive: gr.State, work: dict[str, Any], quiet: dict[str, Any]) -> None:
        made = [*self.stopped()]
        ticks = [self.consent, self.guardian]
        to_begin = in_order(self.askings, self.moment, archive, self.kind, self.gap, self.shown, *ticks)
        to_go_on = in_order(self.askings, self.moment, archive, self.search, *ticks)
        running = [
            self.start.click(self.begin_anew, outputs=made, **to_begin, **work),
            self.more.click(self.go_on_anew, outputs=made, **to_go_on, **work),
        ]
        stops([self.stop.click, self.consent.input, self.guardian.input], running)
        self.stop.click(ending(self.stopped), outputs=made, **in_order(self.askings, self.moment), **quiet)
        for box in ticks:
            box.input(ending(self.ticked), outputs=made, **in_order(self.askings, self.moment, box), **quiet)
        self.pairs.select(self.pick, self.seen, [self.picked, self.note], trigger_mode="multiple", **quiet)
        self.send.click(self.file, [archive, self.picked, self.reason], self.note, **quiet)

    def begin_anew(self, askings: Askings, moment_ms: float, *asked: Any) -> Iterator[Updates]:
        """`begin`, until something else is asked for."""
        askings.anew(moment_ms)
        yield from askings.while_newest(moment_ms, self.begin(*asked), self.stopped())

    def go_on_anew(self, askings: Askings, moment_ms: float, *asked: Any) -> Iterator[Updates]:
        """`go_on`, until something else is asked for."""
        askings.anew(moment_ms)
        yield from askings.while_newest(moment_ms, self.go_on(*asked), self.stopped())

    def begin(self, archive: str, kind: str, gap: int, shown: Any, agreed: bool, guardian: bool) -> Generator[Updates]:
        """The first page of pairs of a kind; nothing is compared before consent."""
        if not agreed:
            yield {self.note: notices.hint(self.say(TICK_FIRST))}
            return
        try:
            with answering():
                gap_years = GAPS_YEARS[int(gap)]
                query = PairQuery(same=kind == "same", gap_years=gap_years, shown=shown, adults_only=not guardian)
                search = begin(self.shelf.open(archive), query)
        except Refusal as refusal:
            yield {self.note: notices.trouble(self.say.sentence(str(refusal)))}
            return
        yield from self.go_on(archive, search, agreed, guardian)

    def go_on(self, archive: str, search: PairSearch | None, agreed: bool, guardian: bool) -> Generator[Updates]:
        """The next page; pairs appear as they are looked at. None with under-18s once their tick is taken back."""
        if search is None or not agreed or not (guardian or search.query.adults_only):
            yield {self.note: notices.hint(self.say("Press “Look at pairs” first."))}
            return
        yield {
            self.note: notices.hint(self.say("Comparing faces …")),
            self.pairs: [],
            self.seen: [],
            self.picked: None,
            self.start: gr.update(visible=False),
            self.more: gr.update(visible=False),
            self.stop: gr.update(visible=True),
        }
        try:
            with answering():
                pictures: list[tuple[str, str]] = []
                seen: list[tuple[str, str]] = []
                if self.shelf.open(archive) is not search.catalogue:
                    raise Refusal(CHANGED)
                for found in look(self.recognition, search):
                    for one in found[len(pictures) :]:
                        path = self.delivery.show(one.photo, f"pair{len(pictures)}")
                        pictures.append((path, words.pair(self.say, one)))
                        seen.append((one.records[0].picture_id, one.records[1].picture_id))
                    yield {self.pairs: gr.update(value=pictures, selected_index=None), self.seen: [*seen]}
        except Refusal as refusal:
            yield {**self.stopped(), self.note: notices.trouble(self.say.sentence(str(refusal)))}
            return
        told = self.say("{looked} of {drawn} pairs looked at, drawn from {all} of this kind.",
                        looked=search.position, drawn=len(search.pairs), all=search.num_available)  # fmt: skip
        are_more = search.position < len(search.pairs)
        yield {
            **self.rested(),
            self.more: gr.update(visible=True, interactive=are_more),
            self.note: notices.hint(told),
            self.search: search,
            self.seen: seen,
        }

    def rested(self) -> Updates:
        return {
            self.start: gr.update(visible=True),
            self.more: gr.update(visible=True),
            self.stop: gr.update(visible=False),
        }

    def stopped(self) -> Updates:
        """The search was stopped; pairs on show cannot be doubted before they are looked for again."""
        told = notices.hint(self.say("Stopped. Nothing of it was kept."))
        gone: Updates = {self.pairs: [], self.search: None, self.seen: [], self.picked: None}
        return {**self.rested(), **gone, self.more: gr.update(visible=True, interactive=False), self.note: told}

    def ticked(self, agreed: bool) -> Updates:
        """A tick was set, which stops what was begun without it, or taken back: then nothing of it stays."""
        return {**self.rested(), self.note: ""} if agreed else {**self.stopped(), self.note: ""}

    def pick(self, seen: list[tuple[str, str]], event: gr.SelectData) -> Updates:
        pair = seen[int(event.index)] if int(event.index) < len(seen) else None
        return {self.picked: pair, self.note: notices.hint(self.say("Say below what is doubtful about this pair."))}

    def file(self, archive: str, picked: tuple[str, str] | None, reason: str) -> str:
        """Put the pair pressed into the archive's review queue."""
        try:
            with answering():
                if picked is None:
                    raise Refusal("Press the pair that you mean first.")
                pair = (picked[0], picked[1])
                item, folder = doubt_of(pair, reason), self.shelf.keeper_folder(archive)
                if folder is None:
                    return words.unfiled(self.say, NOWHERE, (*pair, self.say(item.reason)))
                is_new = self.shelf.letters.doubt(folder, pair, reason)
        except Refusal as refusal:
            return notices.trouble(self.say.sentence(str(refusal)))
        told = self.say("Filed. The keeper of the archive will look at it.")
        return notices.hint(told if is_new else self.say("This very doubt waits for the keeper already."))
