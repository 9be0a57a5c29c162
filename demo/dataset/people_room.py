"""People of an archive through the ages: searched, looked at, and an age generated beside the real photo."""

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from cafdata.catalogue import Catalogue, Query
from core.ages import TEN
from demo import consent, notices
from demo.answering import Refusal, answering
from demo.boxes import tiles
from demo.dataset import browsing, words
from demo.dataset.ranking import rank
from demo.dataset.recognition import Recognition
from demo.dataset.shelf import HOME, Shelf
from demo.dataset.travel import Journey, travel
from demo.delivery import FORGET_AFTER_S, Delivery
from demo.language import Language
from demo.stopping import IN_TURN, Updates, stops
from demo.studio import Studio

CLEARED = """() => ["", {__type__: "update", value: [], visible: false}]"""
SHOW_PERSON = """() => setTimeout(() => document.querySelector("#dataset-person")?.scrollIntoView(
  {block: "start", behavior: "smooth"}), 100)"""
ANY = -1
CONSENT = "I look at these people for research, or they agreed. Their faces may be compared."
GUARDIAN = (
    "One of these pictures shows a person under 18. They are grown up or never lived, or I am the guardian and agree."
)
TICK_FIRST = "Tick the box, and the faces are compared. Until then nothing is."


class PeopleRoom:
    """Components and answers; built inside an open tab. `self.archive` names the archive a visitor looks at."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery, shelf: Shelf) -> None:
        self.studio, self.say, self.delivery, self.shelf = studio, say, delivery, shelf
        self.recognition = Recognition(studio.pack)
        self.archive = gr.State(HOME)
        self.page_number = gr.State(0)
        self.listed: Any = gr.State([])
        """Names of the people on the page."""
        self.chosen: Any = gr.State(None)
        """Name of the person looked at."""
        self.picked: Any = gr.State(None)
        """Name of the picture whose facts are shown."""
        self.filled_s: Any = gr.State(0.0)
        """When the pictures on the page were laid out; ten minutes later their files are gone."""

    def build(self) -> None:
        say = self.say
        with gr.Row(elem_id="dataset-search"):
            self.text = gr.Textbox(label=say("Search"), max_length=200, elem_id="dataset-text")
            groups = [(say("any age"), ANY), *((name, number) for number, name in enumerate(TEN.names))]
            self.group = gr.Dropdown(groups, value=ANY, label=say("Has a picture at"), elem_id="dataset-group")
            self.licence = gr.Dropdown([], value=None, label=say("Licence"), elem_id="dataset-licence")
        self.found = gr.HTML(elem_id="dataset-found", padding=False)
        self.people = tiles(say("People"), "dataset-people", columns=5, visible=True)
        with gr.Row(elem_id="dataset-paging"):
            self.back = gr.Button(say("Back"), size="sm", visible=False, elem_id="dataset-back")
            self.on = gr.Button(say("On"), size="sm", visible=False, elem_id="dataset-on")
        with gr.Column(visible=False, elem_id="dataset-person") as self.person:
            self.name = gr.HTML(padding=False, elem_id="dataset-name")
            self.strip = tiles(say("Ages"), "dataset-strip", columns=8, is_strip=True, visible=True)
            self.facts = gr.HTML(padding=False, elem_id="dataset-facts")
            self.remove = gr.Button(say("Ask for this picture to be removed"), size="sm", elem_id="dataset-remove")
            gr.HTML(f"<h3>{say('Generated beside the real photo')}</h3>", padding=False)
            with gr.Row(elem_id="dataset-journey-choice"):
                self.source = gr.Dropdown([], label=say("Start from"), elem_id="dataset-source")
                self.target = gr.Dropdown([], label=say("Make the age of"), elem_id="dataset-target")
            self.consent = consent.consent_box(say, "dataset-consent", CONSENT)
            self.guardian = consent.guardian_box(say, "dataset-guardian", GUARDIAN)
            with gr.Row(elem_id="dataset-journey-run"):
                self.go = gr.Button(say("Generate and compare"), variant="primary", elem_id="dataset-go")
            self.journey = gr.HTML(padding=False, elem_id="dataset-journey-note")
            self.three = tiles(say("Start, generated, real"), "dataset-journey", columns=3)

    def wire(self, work: dict[str, Any], quiet: dict[str, Any]) -> None:
        chosen = [self.archive, self.source, self.target, self.consent, self.guardian]
        running = self.go.click(self.compare, chosen, [self.journey, self.three, self.guardian], **work)
        changing = [self.source.input, self.target.input, self.consent.input, self.guardian.input]
        leaving = [self.text.submit, self.group.input, self.licence.input, self.back.click, self.on.click]
        stops([*changing, *leaving, self.people.select], [running])
        # In the browser, at once: an answer of the server could come after what is asked for next.
        gr.on(changing, None, None, [self.journey, self.three], js=CLEARED, **quiet)
        seen = [self.archive, self.text, self.group, self.licence]
        shown = [*self.filled]
        gr.on([self.text.submit, self.group.input, self.licence.input], self.first, seen, shown, **work)
        self.back.click(self.before, [*seen, self.page_number], shown, **work)
        self.on.click(self.after, [*seen, self.page_number], shown, **work)
        opened = [self.person, self.name, self.strip, self.facts, self.source, self.target, self.journey, self.three,
                  self.chosen, self.picked, self.guardian]  # fmt: skip
        each = {**quiet, **IN_TURN, "concurrency_id": "people"}
        met = self.people.select(self.meet, [self.archive, self.listed], opened, **each)
        met.then(None, None, None, js=SHOW_PERSON)
        self.strip.select(self.tell, [self.archive, self.chosen], [self.facts, self.picked], **each)

    @property
    def filled(self) -> list[Any]:
        """What `page` changes."""
        paging = [self.page_number, self.back, self.on]
        return [self.found, self.people, self.listed, *paging, self.person, self.filled_s]

    def first(self, archive: str, text: str, group: int, licence: str | None) -> Updates:
        return self.page(archive, text, group, licence, 0)

    def before(self, archive: str, text: str, group: int, licence: str | None, number: int) -> Updates:
        return self.page(archive, text, group, licence, number - 1)

    def after(self, archive: str, text: str, group: int, licence: str | None, number: int) -> Updates:
        return self.page(archive, text, group, licence, number + 1)

    def page(self, archive: str, text: str, group: int, licence: str | None, number: int) -> Updates:
        """A page of the people who fit; what does not fit the archive becomes a sentence."""
        try:
            with answering():
                catalogue = self.shelf.open(archive)
                query = Query(text=text, group=None if group == ANY else group, licence=licence or None)
                found = browsing.people(catalogue, query, number)
                pictures = self.shown(found.tiles)
        except Refusal as refusal:
            return {self.found: notices.trouble(self.say.sentence(str(refusal)))}
        captions = [self.say("{count} pictures", count=count) for count in found.counts]
        told = self.say(
            "{people} people, {pictures} pictures; page {number} of {pages}",
            people=found.num_people, pictures=found.num_pictures, number=found.number + 1, pages=found.num_pages,
        )  # fmt: skip
        return {
            self.found: notices.hint(told),
            self.people: gr.update(value=list(zip(pictures, captions, strict=True)), selected_index=None),
            self.listed: [tile.record.person_id for tile in found.tiles],
            self.page_number: found.number,
            self.back: gr.update(visible=found.num_pages > 1, interactive=found.number > 0),
            self.on: gr.update(visible=found.num_pages > 1, interactive=found.number + 1 < found.num_pages),
            self.person: gr.update(visible=False),
            self.filled_s: time.monotonic(),
        }

    def meet(self, archive: str, listed: list[str], event: gr.SelectData) -> Updates:
        """One person, youngest first."""
        try:
            with answering():
                catalogue = self.shelf.open(archive)
                name = listed[int(event.index)]
                one = browsing.person(catalogue, name)
                pictures = self.shown(one.tiles)
        except Refusal as refusal:
            return {self.name: notices.trouble(self.say.sentence(str(refusal))), self.person: gr.update(visible=True)}
        ages = [browsing.years(tile.record) for tile in one.tiles]
        names = [tile.record.picture_id for tile in one.tiles]
        choices = list(zip([self.say("age {years}", years=age) for age in ages], names, strict=True))
        heading = self.say.html("{name}: {count} pictures", name=name, count=one.num_pictures)
        return {
            self.person: gr.update(visible=True),
            self.name: f'<h2 class="dataset-title">{heading}</h2>',
            self.strip: gr.update(value=list(zip(pictures, ages, strict=True)), selected_index=None),
            self.facts: words.facts(self.say, one.tiles[0].record),
            self.source: gr.update(choices=choices, value=names[len(names) // 2]),
            self.target: gr.update(choices=choices, value=names[-1]),
            self.journey: "",
            self.three: gr.update(value=[], visible=False),
            self.chosen: name,
            self.picked: names[0],
            self.guardian: gr.update(value=False, visible=False),
        }

    def is_stale(self, listed: list[str], filled_s: float) -> bool:
        """Whether there are no pictures on the page, or their files are about to go."""
        return not listed or time.monotonic() - filled_s > FORGET_AFTER_S - 60

    def tell(self, archive: str, name: str | None, event: gr.SelectData) -> Updates:
        """What is known of the picture pressed."""
        try:
            with answering():
                record = browsing.record_shown(self.shelf.open(archive), name or "", int(event.index))
        except Refusal as refusal:
            return {self.facts: notices.trouble(self.say.sentence(str(refusal)))}
        return {self.facts: words.facts(self.say, record), self.picked: record.picture_id}

    def clear(self) -> Updates:
        """Nothing compared: something else was chosen, or consent was taken back."""
        return {self.journey: "", self.three: gr.update(value=[], visible=False)}

    def compare(
        self, archive: str, source: str | None, target: str | None, agreed: bool, guardian: bool
    ) -> Iterator[Updates]:
        """Generate the age of one picture from another and hold it against the real one; only after consent."""
        if not agreed:
            yield {**self.clear(), self.journey: notices.hint(self.say(TICK_FIRST))}
            return
        yield {**self.clear(), self.journey: notices.hint(self.say("Comparing faces …"))}
        try:
            with answering():
                if not source or not target or source == target:
                    raise Refusal("Choose two different pictures of this person.")
                catalogue = self.shelf.open(archive)
                pictures = self.pair(catalogue, source, target)
                if not guardian and any(browsing.is_minor(picture.record) for picture in pictures):
                    told = notices.hint(self.say(consent.TICK_GUARDIAN))
                    yield {self.journey: told, self.guardian: gr.update(visible=True)}
                    return
                made = travel(self.studio, self.recognition, *pictures)
                yield {self.journey: words.journey(self.say, made, None), self.three: self.beside(made)}
                yield from self.ranked(catalogue, made, guardian)
        except Refusal as refusal:
            yield {**self.clear(), self.journey: notices.trouble(self.say.sentence(str(refusal)))}

    def beside(self, made: Journey) -> Updates:
        """The three pictures, the generated one signed."""
        shown = [
            (self.delivery.show(made.start, "start"), self.say("Start")),
            (self.delivery.show(made.made, "generated", made.told), self.say("Generated")),
            (self.delivery.show(made.real, "real"), self.say("Real")),
        ]
        update: Updates = gr.update(value=shown, visible=True)
        return update

    def ranked(self, catalogue: Catalogue, made: Journey, guardian: bool) -> Iterator[Updates]:
        """Rank the score among the archive's own pairs, where the recogniser's table knows none."""
        found = made.made_real.verification
        if found is not None and found.percentile is not None:
            return
        told, ranking = words.journey(self.say, made, None), None
        score = made.made_real.score
        for ranking in rank(catalogue, self.recognition, score, made.ages_years, adults_only=not guardian):
            yield {self.journey: words.ranking_progress(self.say, ranking) + told}
        yield {self.journey: words.journey(self.say, made, ranking)}

    def pair(self, catalogue: Catalogue, source: str, target: str) -> list[Any]:
        """The two pictures, which are of one person. Raises Refusal where they are not."""
        rows = [catalogue.row_of(source), catalogue.row_of(target)]
        if catalogue.person_id(rows[0]) != catalogue.person_id(rows[1]):
            raise Refusal("Choose two different pictures of this person.")
        return list(catalogue.pictures(rows))

    def shown(self, tiles: tuple[browsing.Tile, ...]) -> list[str]:
        """Paths of small pictures for the page."""
        return [self.delivery.show(tile.photo, f"picture{number}") for number, tile in enumerate(tiles)]
