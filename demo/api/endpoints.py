"""The calls as Gradio endpoints: for gradio_client, curl, and whatever speaks Gradio's API."""

from pathlib import Path
from typing import Any

import gradio as gr

from core.align import Photo
from core.files import write_atomic
from core.images import encode_png
from demo.answering import Refusal
from demo.api.calls import Calls, require_agreed
from demo.uploads import uploaded

WORK = {"concurrency_limit": 2, "concurrency_id": "work"}
"""Shared with the page: two things are worked on at a time."""


class Endpoints:
    """Built inside an open `gr.Blocks`; adds the endpoints to it."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        for call in (self.age_face, self.present_age, self.verify_faces):
            gr.api(call, api_name=call.__name__, **WORK)
        gr.api(self.models, api_name="models")

    def age_face(
        self,
        photo: gr.FileData,
        ages: list[float] | None = None,
        model: str = "",
        face: int = 0,
        agreed: bool = False,
        guardian_agrees: bool = False,
    ) -> tuple[list[gr.FileData], dict[str, Any]]:
        """Show one face of a photo at other ages, put back into the photo. Every picture carries a visible label.

        Args:
            photo: A picture file: JPEG, PNG or WebP, up to 32 MB.
            ages: Ages in years, at most 20, such as [8, 70]; every age group of the model if left out.
            model: Name of a model, as the endpoint models lists them; the default one if left out.
            face: Which face: 0 is the largest, 1 the next.
            agreed: Must be true: the person is an adult and agrees to this, or it is you.
            guardian_agrees: Must be true for a face that reads as under 18: the guardian agrees.
        Returns:
            PNG files, one for each age
            A record of how they were made
        """
        try:
            require_agreed(agreed)
            whole = self._photo(photo)
            aged = self.calls.age_face(
                whole, ages=ages, model=model, face=face, agreed=agreed, guardian_agrees=guardian_agrees
            )
        except Refusal as refusal:
            raise gr.Error(str(refusal), print_exception=False) from None
        return [as_file(path) for path in aged.files], aged.record

    def present_age(self, photo: gr.FileData, agreed: bool = False) -> dict[str, Any]:
        """Read the age of every face in a photo, with the interval that holds four of five true ages.

        Args:
            photo: A picture file: JPEG, PNG or WebP, up to 32 MB.
            agreed: Must be true: the people in it agree to this, or it is you.
        Returns:
            The faces, largest first
        """
        try:
            require_agreed(agreed)
            return self.calls.present_age(self._photo(photo), agreed=agreed)
        except Refusal as refusal:
            raise gr.Error(str(refusal), print_exception=False) from None

    def verify_faces(
        self,
        first: gr.FileData,
        second: gr.FileData,
        ages: list[float] | None = None,
        agreed: bool = False,
        guardian_agrees: bool = False,
    ) -> dict[str, Any]:
        """Say whether two photos show one person, by a threshold made for the two ages and by one for all ages.

        Args:
            first: A picture file.
            second: Another.
            ages: The two ages in years, such as [6, 40]; read from the faces if left out.
            agreed: Must be true: both people agree to this.
            guardian_agrees: Must be true for a face that reads as under 18: the guardian agrees.
        Returns:
            Score, thresholds, both verdicts, and a sentence
        """
        try:
            require_agreed(agreed)
            photos = self._photo(first), self._photo(second)
            return self.calls.verify_faces(*photos, ages=ages, agreed=agreed, guardian_agrees=guardian_agrees)
        except Refusal as refusal:
            raise gr.Error(str(refusal), print_exception=False) from None

    def models(self) -> list[dict[str, Any]]:
        """List the models: their age groups, size and terms, the default one first.

        Returns:
            The models
        """
        return self.calls.models()

    def _photo(self, sent: Any) -> Photo:
        """An upload as a photo; its copy on disk is replaced by one of the same pixels without metadata."""
        file = uploaded(sent, self.calls.delivery.folder)
        try:
            photo = self.calls.read(file.read_bytes())
        except Refusal:
            file.unlink(missing_ok=True)
            raise
        write_atomic(file, encode_png(photo))  # not JPEG: whoever sent the same file at once gets the same result
        return photo


def as_file(path: str) -> dict[str, Any]:
    """A path of the cache as Gradio's file; it is served as it lies there."""
    return {"path": path, "orig_name": Path(path).name, "meta": {"_type": "gradio.FileData"}}
