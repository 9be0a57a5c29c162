"""The strip of ages and the comparison: what is made when a visitor asks for ages, and how it is shown."""

from collections.abc import Generator, Iterator
from typing import Any

import gradio as gr

from demo import consent, notices
from demo.answering import Refusal, answering
from demo.delivery import Delivery
from demo.language import Language
from demo.stopping import Askings, Updates
from demo.studio import Picture, Sitting, Studio, Target
from demo.transform import words
from demo.transform.layout import CLOSE_UP, YEARS, Layout


class Showing(Layout):
    """Answers to whoever asks for ages."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery) -> None:
        super().__init__(studio, say)
        self.delivery = delivery

    def age(self, askings: Askings, moment_ms: float, *asked: Any) -> Iterator[Updates]:
        """Make the strip, until something else is asked for."""
        yield from askings.while_newest(moment_ms, self.strip_of(*asked), self.strip_parts)

    def strip_of(
        self,
        sitting: Sitting | None,
        model: str,
        guardian: bool,
        view: str,
        second: str,
        mode: str,
        wanted: Target | None,
        years: float,
    ) -> Generator[Updates]:
        """Make the strip, one age after the other, then weigh it; stops between two ages when cancelled."""
        names = () if mode == YEARS else self.studio.groups(model).names
        target: Target = ("age", float(years)) if mode == YEARS else wanted or ("group", len(names) - 2)
        picked = int(target[1]) if target[0] == "group" else None
        try:
            face_of = self.permitted(sitting, guardian)
            yield {
                self.welcome: gr.update(visible=False),
                self.progress: words.progress(self.say, 0, max(len(names), 1), ""),
                self.strip: gr.update(value=[], visible=bool(names), columns=max(len(names) // 2, 4)),
                self.run: gr.update(visible=False),
                self.cancel: gr.update(visible=True),
                self.result: gr.update(visible=False),
                self.shown: target,
                self.likeness: "",
            }
            tiles: list[tuple[str, str]] = []
            pictures: list[Picture] = []
            with answering():
                for picture in self.studio.strip(face_of, model) if names else ():
                    pictures.append(picture)
                    tiles.append((self.delivery.show(picture.tile, picture.name, picture.made), picture.name))
                    done = words.progress(self.say, len(tiles), len(names), picture.name)
                    yield {self.strip: gr.update(value=tiles), self.progress: done}
            yield {
                self.strip: gr.update(value=tiles, selected_index=picked),
                **self.rested(""),
                **self.show(face_of, model, guardian, view, second, target),  # last: it may say why it cannot
            }
            with answering():
                weighed = self.studio.weigh(face_of, pictures)
            yield {self.likeness: words.likeness(self.say, weighed)}
        except Refusal as refusal:
            yield self.rested(self.trouble(str(refusal)))

    def age_again(self, askings: Askings, moment_ms: float, shown: Target | None, *asked: Any) -> Iterator[Updates]:
        """The same anew, at the age that is shown or was about to be."""
        *seen, _wanted, years = asked
        if shown is None:
            yield {self.progress: ""}
        else:
            yield from self.age(askings, moment_ms, *seen, shown, years)

    def rested(self, text: str) -> Updates:
        return {
            self.progress: text,
            self.run: gr.update(visible=True),
            self.cancel: gr.update(visible=False),
        }

    def stopped(self) -> Updates:
        return {**self.rested(self.hint("Stopped. The ages made so far are below.")), self.shown: None}

    def permitted(self, sitting: Sitting | None, guardian: bool) -> Sitting:
        """The sitting, if it may be worked on. Raises Refusal."""
        if sitting is None:
            raise Refusal(consent.GONE)
        if sitting.needs_guardian and not guardian:
            raise Refusal(consent.TICK_GUARDIAN)
        return sitting

    def show(
        self, sitting: Sitting | None, model: str, guardian: bool, view: str, second: str, target: Target | None
    ) -> Updates:
        """Put one age beside the photo as it came, and beside what another model makes of it."""
        if target is None:
            return {self.progress: ""}
        try:
            face_of = self.permitted(sitting, guardian)
            with answering():
                picture = self.studio.picture(face_of, model, target)
                before = self.studio.before(face_of) if view == CLOSE_UP else face_of.photo
                after = picture.close_up if view == CLOSE_UP else picture.photo
                pair = (
                    self.delivery.show(before, "today"),
                    self.delivery.show(after, f"age_{picture.name}", picture.made),
                )
                beside = self.beside_each_other(face_of, model, second, picture)
        except Refusal as refusal:
            return {self.progress: self.trouble(str(refusal))}
        moved = {} if target[0] == "age" else {self.years: gr.update(value=round(picture.aged.target.years))}
        return {
            **moved,
            self.shown: target,
            self.heading: words.showing(self.say, picture.name, face_of.present_age),
            self.compare: pair,
            self.beside: gr.update(value=beside, visible=bool(beside)),
            self.result: gr.update(visible=True),
            self.progress: "",
        }

    def beside_each_other(self, sitting: Sitting, model: str, second: str, picture: Picture) -> list[tuple[str, str]]:
        """The same age by two models, by years, as their groups may differ; none where only one is asked or can."""
        years = picture.aged.target.years
        if not second or second == model or years < self.studio.groups(second).first_years[0]:
            return []
        other = self.studio.picture(sitting, second, ("age", years))
        return [
            (self.delivery.show(one.close_up, f"age_{one.name}", one.made), f"{name}: {one.name}")
            for name, one in ((model, picture), (second, other))
        ]

    def show_group(
        self,
        showings: Askings,
        moment_ms: float,
        sitting: Sitting | None,
        model: str,
        guardian: bool,
        view: str,
        second: str,
        event: gr.SelectData,
    ) -> Updates:
        target = ("group", int(event.index))
        return self.show_newest(showings, moment_ms, sitting, model, guardian, view, second, target)

    def show_age(self, showings: Askings, moment_ms: float, *asked: Any) -> Updates:
        """Args: asked: as `show` takes it, the last in years."""
        *seen, years = asked
        return self.show_newest(showings, moment_ms, *seen, ("age", float(years)))

    def show_newest(self, showings: Askings, moment_ms: float, *asked: Any) -> Updates:
        """As `show`, unless another age is asked for before this one is made."""
        if showings.is_late(moment_ms):
            return {self.heading: gr.skip()}
        made = self.show(*asked)
        return {self.heading: gr.skip()} if showings.is_overtaken(moment_ms) else made

    def trouble(self, sentence: str) -> str:
        return notices.trouble(self.say.sentence(sentence))

    def hint(self, text: str) -> str:
        return notices.hint(self.say(text))
