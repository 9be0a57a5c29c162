"""The Dataset tab: an archive of faces across ages to look around in, and a way out of it for whoever is in it."""

from typing import Any

import gradio as gr
from gradio.context import Context

from cafdata.catalogue import Catalogue
from demo import notices
from demo.answering import Refusal, answering
from demo.dataset import words
from demo.dataset.letterbox import request_of
from demo.dataset.pair_room import NOWHERE, PairRoom
from demo.dataset.people_room import ANY, PeopleRoom
from demo.dataset.shelf import HOME, shelf_of
from demo.delivery import Delivery
from demo.language import Language
from demo.stopping import Updates
from demo.studio import Studio


class DatasetTab:
    """Built inside an open `gr.Tab`, with the answers to its events."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery) -> None:
        self.say = say
        self.shelf = shelf_of(studio.dataset)
        self.room = PeopleRoom(studio, say, delivery, self.shelf)
        self.pairs = PairRoom(self.room.recognition, say, delivery, self.shelf)
        self.title = gr.HTML(elem_id="dataset-title", padding=False)
        with gr.Tabs(elem_id="dataset-views") as self.views:
            with gr.Tab(say("People"), id="people", elem_id="dataset-view-people"):
                self.room.build()
            with gr.Tab(say("Counts"), id="counts", elem_id="dataset-view-counts") as self.counts_view:
                self.map = gr.HTML(elem_id="dataset-map", padding=False)
                self.map_page: Any = gr.State(0)
                with gr.Row(elem_id="dataset-map-paging"):
                    self.map_back = gr.Button(say("Back"), size="sm", visible=False, elem_id="dataset-map-back")
                    self.map_on = gr.Button(say("On"), size="sm", visible=False, elem_id="dataset-map-on")
                self.counts = gr.HTML(elem_id="dataset-counts", padding=False)
            with gr.Tab(say("Pairs"), id="pairs", elem_id="dataset-view-pairs"):
                self.pairs.build()
            with gr.Tab(say("Another archive"), id="open", elem_id="dataset-view-open"):
                self.hub = gr.Textbox(label=say("Data set on the Hugging Face Hub, as OWNER/NAME; empty: the one here"),
                                      max_length=120, elem_id="dataset-hub")  # fmt: skip
                self.open = gr.Button(say("Open"), elem_id="dataset-open")
                self.opened = gr.HTML(elem_id="dataset-opened", padding=False)
            with gr.Tab(say("Take me out"), id="removal", elem_id="dataset-view-removal"):
                self.build_removal()
        self.wire()

    def build_removal(self) -> None:
        say = self.say
        gr.HTML(f"<p>{say('If a picture of you is in this archive, ask here for it to go. The keeper decides.')}</p>")
        kinds = [(say("a picture, by its name"), "picture_id"), (say("a person, by their name here"), "person_id"),
                 (say("a photo, by its address"), "source_url")]  # fmt: skip
        self.asked = gr.Radio(kinds, value="picture_id", label=say("What is to go"), elem_id="dataset-asked")
        self.value = gr.Textbox(label=say("Its name or address"), max_length=500, elem_id="dataset-value")
        self.why = gr.Textbox(label=say("Why"), max_length=1000, lines=3, elem_id="dataset-why")
        self.contact = gr.Textbox(label=say("How to reach you (optional)"), max_length=200, elem_id="dataset-contact")
        self.ask = gr.Button(say("Ask for removal"), variant="primary", elem_id="dataset-ask")
        self.answer = gr.HTML(elem_id="dataset-answer", padding=False)

    def wire(self) -> None:
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        work = {**quiet, "concurrency_limit": 2, "concurrency_id": "work"}
        self.room.wire(work, quiet)
        self.pairs.wire(self.room.archive, work, quiet)
        room = self.room
        sought = [room.text, room.group, room.licence]
        begun = [self.title, room.archive, *sought, self.map, self.map_page, self.counts, self.opened, *room.filled]
        tab = Context.block
        if not isinstance(tab, gr.Tab):
            raise RuntimeError("the Dataset tab is built inside an open gr.Tab")
        tab.select(self.enter, [room.archive, room.listed, room.filled_s], begun, **work)
        gr.on([self.open.click, self.hub.submit], self.open_other, self.hub, begun, **work)
        mapped = [self.map, self.map_page, self.map_back, self.map_on]
        self.counts_view.select(self.count, room.archive, [*mapped, self.counts], **work)
        self.map_back.click(self.map_before, [room.archive, self.map_page], mapped, **work)
        self.map_on.click(self.map_after, [room.archive, self.map_page], mapped, **work)
        room.remove.click(self.ask_for, room.picked, [self.views, self.asked, self.value], **quiet)
        asked = [self.room.archive, self.asked, self.value, self.why, self.contact]
        self.ask.click(self.request, asked, self.answer, **quiet)

    def enter(self, archive: str, listed: list[str], filled_s: float) -> Updates:
        """The tab was opened: the first page, unless one is there already."""
        if not self.room.is_stale(listed, filled_s):
            return {self.room.filled_s: filled_s}
        filled = self.open_other(archive)
        if self.title in filled:  # nobody asked for it, so nothing is said
            filled[self.opened] = ""
        return filled

    def ask_for(self, picture_id: str | None) -> Updates:
        """The form, with the picture whose facts are shown in it."""
        return {self.views: gr.update(selected="removal"), self.asked: "picture_id", self.value: picture_id or ""}

    def open_other(self, name: str) -> Updates:
        """Another archive, by its name on the Hub; the one here for none."""
        name = (name or "").strip() or HOME
        try:
            with answering():
                catalogue = self.shelf.open(name)
        except Refusal as refusal:
            return {self.opened: notices.trouble(self.say.sentence(str(refusal)))}
        return {
            self.title: words.title(self.say, catalogue, name == HOME and self.shelf.is_sample),
            self.room.archive: name,
            self.room.text: "",
            self.room.group: ANY,
            self.room.licence: gr.update(choices=self.licences(catalogue), value=""),
            self.map: "",
            self.map_page: 0,
            self.counts: "",
            self.opened: notices.hint(self.say("Open.")),
            **self.room.page(name, "", ANY, None, 0),
        }

    def licences(self, catalogue: Catalogue) -> list[tuple[str, str]]:
        """What may be picked: any, or one of those that the records name."""
        return [(self.say("any"), ""), *((self.say(one), one) for one in catalogue.licences)]

    def count(self, archive: str) -> Updates:
        """Coverage, gaps, licences; counted when first looked at."""
        try:
            with answering():
                counts = words.counted(self.say, self.shelf.open(archive).summary)
        except Refusal as refusal:
            return {self.counts: notices.trouble(self.say.sentence(str(refusal)))}
        return {**self.mapped(archive, 0), self.counts: counts}

    def map_before(self, archive: str, number: int) -> Updates:
        return self.mapped(archive, number - 1)

    def map_after(self, archive: str, number: int) -> Updates:
        return self.mapped(archive, number + 1)

    def mapped(self, archive: str, number: int) -> Updates:
        """A page of the map of people and ages."""
        try:
            with answering():
                catalogue = self.shelf.open(archive)
        except Refusal as refusal:
            return {self.map: notices.trouble(self.say.sentence(str(refusal)))}
        last = max(0, len(catalogue.people) - 1) // words.MAP_ROWS
        number = min(max(number, 0), last)
        return {
            self.map: words.coverage(self.say, catalogue, number),
            self.map_page: number,
            self.map_back: gr.update(visible=last > 0, interactive=number > 0),
            self.map_on: gr.update(visible=last > 0, interactive=number < last),
        }

    def request(self, archive: str, asked: str, value: str, why: str, contact: str) -> str:
        """File a request for removal into the archive."""
        try:
            with answering():
                request: Any = request_of(asked, value or "", why or "", contact or "")
                folder = self.shelf.keeper_folder(archive)
                if folder is None:
                    return words.unfiled(self.say, NOWHERE, (request.value, request.why, request.contact or ""))
                if request.asked != "source_url":
                    find = {
                        "picture_id": self.shelf.open(archive).row_of,
                        "person_id": self.shelf.open(archive).rows_of,
                    }
                    find[request.asked](request.value)
                is_new = self.shelf.letters.request(folder, request)
        except Refusal as refusal:
            return notices.trouble(self.say.sentence(str(refusal)))
        told = self.say("Your request is filed. The keeper of the archive will see it.")
        return notices.hint(told if is_new else self.say("This very request waits for the keeper already."))
