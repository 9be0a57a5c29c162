"""What a visitor takes home: the photo, every age, the sheet, the GIF, the film."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from core.align import Photo
from core.animation import FILM_FPS, FILM_STEPS, GIF_PX, GIF_STEPS, gif, sweep_years, there_and_back
from core.video import write_mp4
from demo import notices
from demo.answering import Refusal, answering
from demo.cache_folder import own_folder
from demo.stopping import Askings, Updates
from demo.studio import Sitting, Target
from demo.transform.showing import Showing


class Saving(Showing):
    """Answers to the buttons that save."""

    def keepsakes(self) -> tuple[tuple[gr.Button, Callable[..., Any]], ...]:
        """Each button and what it makes."""
        return (
            (self.save_png, self.make_png),
            (self.save_zip, self.make_zip),
            (self.save_sheet, self.make_sheet),
            (self.save_gif, self.make_gif),
            (self.save_mp4, self.make_mp4),
        )

    def for_this_face(self, make: Callable[..., Updates | Iterator[Updates]]) -> Callable[..., Iterator[Updates]]:
        """The same by the inputs of `in_order`, unless the face is left meanwhile or what allowed it is taken back."""

        def saved(showings: Askings, moment_ms: float, *asked: Any) -> Iterator[Updates]:
            made = make(*asked)
            for step in (made,) if isinstance(made, dict) else made:
                if showings.has_ended(moment_ms):
                    yield self.told(None, "")
                    return
                yield step

        return saved

    def prepare(self) -> Updates:
        return {self.saving: self.hint("Preparing the file …"), self.stop_saving: gr.update(visible=True)}

    def stopped_saving(self) -> Updates:
        return self.told(None, self.hint("Stopped. No file was made."))

    def told(self, path: str | None, text: str) -> Updates:
        return {self.file: path, self.saving: text, self.stop_saving: gr.update(visible=False)}

    def make_png(
        self, sitting: Sitting | None, model: str, guardian: bool, _view: str, _second: str, shown: Target | None
    ) -> Updates:
        """The whole photo at the age on show, as a file."""
        try:
            face_of = self.permitted(sitting, guardian)
            with answering():
                picture = self.studio.picture(face_of, model, shown or ("group", 0))
                path = self.delivery.picture(picture.photo, f"agetrans_{picture.file_word}", picture.made)
        except Refusal as refusal:
            return self.told(None, self.trouble(str(refusal)))
        return self.told(path, self.hint("Saved: the whole photo, with its label."))

    def make_zip(self, sitting: Sitting | None, model: str, guardian: bool, *_rest: object) -> Updates:
        """Every age, the sheet and the record, as one file."""
        try:
            face_of = self.permitted(sitting, guardian)
            with answering():
                path = self.delivery.file(self.studio.archive(face_of, model), "agetrans.zip")
        except Refusal as refusal:
            return self.told(None, self.trouble(str(refusal)))
        return self.told(path, self.hint("Saved: a PNG per age, a sheet, and how it was made."))

    def make_sheet(self, sitting: Sitting | None, model: str, guardian: bool, *_rest: object) -> Updates:
        """All ages beside each other, as one picture."""
        try:
            face_of = self.permitted(sitting, guardian)
            with answering():
                path = self.delivery.picture(
                    self.studio.sheet(face_of, model), "agetrans_sheet", self.studio.made(model)
                )
        except Refusal as refusal:
            return self.told(None, self.trouble(str(refusal)))
        return self.told(path, self.hint("Saved: all ages on one sheet."))

    def make_gif(self, sitting: Sitting | None, model: str, guardian: bool, *_rest: object) -> Iterator[Updates]:
        """The sweep through the ages and back as a small GIF without end."""
        frames: list[Photo] = []
        try:
            face_of = self.permitted(sitting, guardian)
            with answering():
                yield from self.filmed(face_of, model, GIF_STEPS, GIF_PX, frames)
                path = self.delivery.file(gif(frames), "agetrans.gif", self.studio.made(model))
            yield self.told(path, self.hint("Saved: through all ages and back, as a GIF."))
        except Refusal as refusal:
            yield self.told(None, self.trouble(str(refusal)))

    def make_mp4(self, sitting: Sitting | None, model: str, guardian: bool, *_rest: object) -> Iterator[Updates]:
        """The same in finer steps, as a film."""
        frames: list[Photo] = []
        try:
            face_of = self.permitted(sitting, guardian)
            with answering():
                yield from self.filmed(face_of, model, FILM_STEPS, 0, frames)
                with own_folder() as folder:
                    film = folder / "agetrans.mp4"
                    write_mp4(there_and_back(frames), film, FILM_FPS)
                    path = self.delivery.file(film.read_bytes(), film.name, self.studio.made(model))
            yield self.told(path, self.hint("Saved: through all ages and back, as a film."))
        except Refusal as refusal:
            yield self.told(None, self.trouble(str(refusal)))

    def filmed(self, sitting: Sitting, model: str, steps: int, size_px: int, frames: list[Photo]) -> Iterator[Updates]:
        """Make the frames of a sweep, one after the other, into a list; stops between two when cancelled."""
        total = len(sweep_years(self.studio.groups(model), steps))
        start_s = time.monotonic()
        for frame in self.studio.frames(sitting, model, steps=steps, size_px=size_px):
            frames.append(frame)
            if len(frames) % 4 == 0 or len(frames) == total:
                left_s = (time.monotonic() - start_s) / len(frames) * (total - len(frames))
                text = self.say(
                    "{done} of {total} ages, about {seconds} s left",
                    done=len(frames),
                    total=total,
                    seconds=f"{left_s:.0f}",
                )
                yield {self.saving: notices.progress(len(frames), total, text, self.say("Ages made"))}
