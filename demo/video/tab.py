"""The Video tab: a clip, consent, who is in it, the clip at another age, its download."""

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from core.clips import Copy
from core.files import write_atomic
from demo import consent, notices
from demo.answering import Refusal, answering
from demo.delivery import Delivery
from demo.language import Language
from demo.stopping import ARRIVING, IN_TURN, Askings, Updates, ending, in_order, stops
from demo.studio import Studio
from demo.uploads import uploaded
from demo.video import words
from demo.video.cinema import GONE, Cinema, Film, Reel, Seen
from demo.video.layout import Layout


class VideoTab(Layout):
    """The tab and the answers to its events; what it keeps of a visitor lies in that visitor's `gr.State`."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery) -> None:
        super().__init__(studio, say)
        self.delivery = delivery
        self.cinema = Cinema(studio)
        self.wire()

    def wire(self) -> None:
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        # A clip takes long: one at a time, beside the photos, so that those do not wait for it.
        long = {**quiet, "concurrency_limit": 1, "concurrency_id": "video"}
        to_wait = in_order(self.askings, self.moment, self.seen, self.guardian)
        waiting = self.run.click(self.wait, outputs=self.made_parts, **to_wait, **quiet, **IN_TURN)
        to_age = in_order(self.askings, self.moment, self.seen, self.guardian, self.years) | {
            "trigger_mode": "multiple"
        }
        running = waiting.success(self.age_newest, outputs=self.made_parts, **to_age, **long)
        pressed = [self.cancel.click, self.file.upload, self.example.click, self.consent.input, self.guardian.input]
        stops(pressed, [waiting, running])
        to_stop = in_order(self.askings, self.moment)
        self.cancel.click(ending(self.stopped), outputs=[*self.stopped()], **to_stop, **quiet)

        found = [*self.blank()]
        came = [self.file, self.reel, *found]
        # Clips take longer to be brought in than photos, which do not wait for them.
        arriving = {**quiet, **ARRIVING, "concurrency_id": "video-arrive"}
        chosen = self.file.upload(self.arrive, self.file, came, preprocess=False, **arriving)
        to_look = {"fn": self.look_once, "outputs": found, **quiet, **IN_TURN}
        to_look |= in_order(self.askings, self.moment, self.reel, self.consent, self.seen)
        for arrived in (chosen, self.example.click(self.take_example, None, came, **arriving)):
            arrived.then(**to_look)
        self.consent.input(**to_look)
        to_allow = in_order(self.askings, self.moment, self.seen, self.guardian)
        self.guardian.input(ending(self.allow), outputs=[*self.allow(None, False)], **to_allow, **quiet, **IN_TURN)

    def blank(self) -> Updates:
        """The page with nothing looked for and nothing made: what every new clip starts from."""
        return {
            self.seen: None,
            self.notice: "",
            self.progress: "",
            self.found: gr.update(visible=False),
            self.guardian: gr.update(value=False, visible=False),
            self.run: gr.update(interactive=False, visible=True),
            self.cancel: gr.update(visible=False),
            self.welcome: gr.update(visible=True),
            self.players: "",
            self.verdict: "",
            self.save: gr.update(visible=False),
        }

    def arrive(self, upload: Any) -> Updates:
        """A clip was chosen. Its copy on disk is replaced by one without metadata."""
        if upload is None:
            return {**self.blank(), self.reel: None}
        try:
            path = uploaded(upload, self.delivery.folder, GONE)
            try:
                with answering():
                    copy = self.cinema.bring(path.read_bytes())
                    # Left there: who sends the same file has it in the same place, and may not have come to it yet.
                    write_atomic(path, copy.data)
            except Refusal:
                path.unlink(missing_ok=True)
                raise
        except Refusal as refusal:
            return {**self.blank(), self.file: None, self.reel: None, self.notice: self.trouble(str(refusal))}
        return self.take(copy)

    def take_example(self) -> Updates:
        return self.take(self.cinema.example())

    def take(self, copy: Copy) -> Updates:
        """A clip is there: the page with it, and nothing looked for in it."""
        # Not through `Delivery`, which says of files that they were made here: this one is the visitor's own.
        kept = str(save_bytes_to_cache(copy.data, f"video.{copy.suffix}", self.delivery.folder))
        reel = Reel(path=kept, num_frames=copy.num_frames, length_s=copy.length_s)
        return {**self.blank(), self.file: None, self.reel: reel, **self.shown(reel)}

    def shown(self, reel: Reel) -> Updates:
        """The clip as it came, where the first words were."""
        return {self.welcome: gr.update(visible=False), self.players: words.before(self.say, reel)}

    def look(self, reel: Reel | None, agreed: bool) -> Updates:
        """Look for faces, but only in a clip that is there and whose person agreed."""
        if reel is None:
            page = self.blank()
            del page[self.notice]  # it may say why a clip was refused
            return page
        page = {**self.blank(), **self.shown(reel)}
        if not agreed:
            return {**page, self.notice: self.hint(words.TICK_FIRST)}
        try:
            with answering():
                seen = self.cinema.look(reel)
        except Refusal as refusal:
            return {**page, self.notice: self.trouble(str(refusal))}
        return {
            **page,
            self.seen: seen,
            self.found: gr.update(value=words.present(self.say, seen), visible=True),
            self.guardian: gr.update(value=False, visible=seen.needs_guardian),
            self.run: gr.update(interactive=not seen.needs_guardian, visible=True),
            self.notice: self.hint(consent.TICK_GUARDIAN) if seen.needs_guardian else "",
        }

    def look_once(
        self, askings: Askings, moment_ms: float, reel: Reel | None, agreed: bool, seen: Seen | None
    ) -> Updates:
        """The same, but not twice: a tick that comes while a clip is looked at must not undo what was made since.
        Nor out of order: a look asked for before a tick must not undo the tick."""
        if askings.is_late(moment_ms) or (agreed and seen is not None and seen.reel is reel):
            return {self.seen: seen}
        page = self.look(reel, agreed)
        askings.anew(moment_ms, page)
        return page

    def allow(self, seen: Seen | None, guardian: bool) -> Updates:
        """The guardian's tick was set, or taken back, and with it what was made; nothing is being made any more."""
        waits = "" if guardian else self.hint(consent.TICK_GUARDIAN)
        return {
            self.players: "" if seen is None else words.before(self.say, seen.reel),
            self.verdict: "",
            self.save: gr.update(visible=False),
            **self.rested(""),
            self.run: gr.update(interactive=seen is not None and guardian, visible=True),
            self.notice: self.trouble(GONE) if seen is None else waits,
        }

    def wait(self, askings: Askings, moment_ms: float, seen: Seen | None, guardian: bool) -> Updates:
        """The work was asked for, and begins when its turn has come."""
        if seen is None or (seen.needs_guardian and not guardian):
            page = self.rested(self.trouble(GONE if seen is None else consent.TICK_GUARDIAN))
            askings.anew(moment_ms, page)
            return page
        askings.anew(moment_ms)
        return {
            self.progress: self.hint("Waiting for a free place …"),
            self.players: words.before(self.say, seen.reel),
            self.verdict: "",
            self.save: gr.update(visible=False),
            self.run: gr.update(visible=False),
            self.cancel: gr.update(visible=True),
        }

    def age_newest(self, askings: Askings, moment_ms: float, *asked: Any) -> Iterator[Updates]:
        """Make the clip, until something else is asked for."""
        yield from askings.while_newest(moment_ms, self.age(*asked), self.made_parts)

    def age(self, seen: Seen | None, guardian: bool, years: float) -> Generator[Updates]:
        """Make the clip; told how far it is, and stopped between two frames when cancelled."""
        if seen is None or (seen.needs_guardian and not guardian):
            return
        film: Film | None = None
        try:
            with (
                answering(),
                closing(self.cinema.age(seen.reel, float(years), guardian, consent.TICK_GUARDIAN)) as steps,
            ):
                while film is None:
                    try:
                        progress = next(steps)
                    except StopIteration as done:
                        film = done.value
                    else:
                        yield {self.progress: words.progress(self.say, progress, seen.reel.num_frames)}
                path = self.delivery.file(film.data, f"agetrans_age_{years:.0f}.mp4", self.cinema.made(float(years)))
        except Refusal as refusal:
            needs = str(refusal) == consent.TICK_GUARDIAN
            yield {
                **self.rested(self.trouble(str(refusal))),
                **({self.guardian: gr.update(visible=True)} if needs else {}),
            }
            return
        yield {
            **self.rested(""),
            self.players: words.pair(self.say, seen.reel, path, years),
            self.verdict: words.verdict(self.say, film.outcome),
            self.save: gr.update(value=path, visible=True),
        }

    def rested(self, text: str) -> Updates:
        return {self.progress: text, self.run: gr.update(visible=True), self.cancel: gr.update(visible=False)}

    def stopped(self) -> Updates:
        return self.rested(self.hint("Stopped. Nothing of it was kept."))

    def trouble(self, sentence: str) -> str:
        return notices.trouble(self.say.sentence(sentence))

    def hint(self, text: str) -> str:
        return notices.hint(self.say(text))
