"""How pictures and files reach the browser: laid where Gradio serves them under names nobody guesses, later deleted."""

from gradio.processing_utils import save_bytes_to_cache

from core.align import Photo
from core.images import encode_jpeg, encode_png

FORGET_AFTER_S = 600
"""Files and what is held of a visitor are gone after so long."""
SHOWN_QUALITY = 92


class Delivery:
    """Lays bytes in one cache folder. Pictures come with their visible label already on them."""

    def __init__(self, folder: str) -> None:
        """Args: folder: Gradio's cache; it empties it itself (`delete_cache`)."""
        self.folder = folder

    def show(self, photo: Photo, name: str) -> str:
        """A picture for the page, as JPEG. Gives back the path to put into a component."""
        return self._keep(encode_jpeg(photo, SHOWN_QUALITY), f"{name}.jpg")

    def picture(self, photo: Photo, name: str) -> str:
        """A picture to be saved, as PNG."""
        return self._keep(encode_png(photo), f"{name}.png")

    def file(self, data: bytes, name: str) -> str:
        """Any other file to be saved; `name` with its suffix."""
        return self._keep(data, name)

    def _keep(self, data: bytes, name: str) -> str:
        return str(save_bytes_to_cache(data, name, self.folder))
