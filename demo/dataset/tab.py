"""The Dataset tab: an archive of faces across ages to look around in, and a way out of it for whoever is in it."""

from typing import Any

import gradio as gr
from gradio.context import Context

from demo import notices
from demo.answering import Refusal, answering
from demo.dataset import words
from demo.dataset.letterbox import Letterbox, request_of
from demo.dataset.pair_room import NOWHERE, PairRoom
from demo.dataset.people_room import PeopleRoom, Updates
from demo.dataset.shelf import HOME, shelf_of
from demo.delivery import Delivery
from demo.language import Language
from demo.studio import Studio


class DatasetTab:
    """Built inside an open `gr.Tab`, with the answers to its events."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery) -> None:
        self.say = say
        self.shelf = shelf_of(studio.dataset)
        self.letters = Letterbox()
        self.room = PeopleRoom(studio, say, delivery, self.shelf)
        self.pairs = PairRoom(self.room.recognition, say, delivery, self.shelf)
        self.title = gr.HTML(elem_id="dataset-title", padding=False)
        with gr.Tabs(elem_id="dataset-views"):
            with gr.Tab(say("People"), id="people", elem_id="dataset-view-people"):
                self.room.build()
            with gr.Tab(say("Counts"), id="counts", elem_id="dataset-view-counts") as self.counts_view:
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
        page = [self.room.found, self.room.people, self.room.listed, self.room.page_number, self.room.person]
        begun = [self.title, self.room.archive, self.room.licence, self.counts, self.opened, *page]
        root = Context.root_block
        assert root is not None
        root.load(self.begin, None, begun, **work)
        gr.on([self.open.click, self.hub.submit], self.open_other, self.hub, begun, **work)
        self.counts_view.select(self.count, self.room.archive, self.counts, **work)
        asked = [self.room.archive, self.asked, self.value, self.why, self.contact]
        self.ask.click(self.request, asked, self.answer, **quiet)

    def begin(self) -> Updates:
        """The archive at home, first page."""
        return self.open_other("")

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
            self.room.licence: gr.update(choices=[(self.say("any"), ""), *catalogue.licences], value=""),
            self.counts: "",
            self.opened: notices.hint(self.say("Open.")),
            **self.room.page(name, "", -1, None, 0),
        }

    def count(self, archive: str) -> str:
        """Coverage, gaps, licences; counted when first looked at."""
        try:
            with answering():
                return words.counted(self.say, self.shelf.open(archive).summary)
        except Refusal as refusal:
            return notices.trouble(self.say.sentence(str(refusal)))

    def request(self, archive: str, asked: str, value: str, why: str, contact: str) -> str:
        """File a request for removal into the archive."""
        try:
            with answering():
                request: Any = request_of(asked, value or "", why or "", contact or "")
                folder = self.shelf.keeper_folder(archive)
                if folder is None:
                    raise Refusal(NOWHERE)
                is_new = self.letters.request(folder, request)
        except Refusal as refusal:
            return notices.trouble(self.say.sentence(str(refusal)))
        told = self.say("Your request is filed. The keeper of the archive will see it.")
        return notices.hint(told if is_new else self.say("This very request waits for the keeper already."))
