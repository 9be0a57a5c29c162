"""How pictures and files reach the browser: laid where Gradio serves them under names nobody guesses, later deleted.

What was made here is signed, and nothing encodes it again afterwards: what is saved is what was signed, byte by byte.
"""

from gradio.processing_utils import save_bytes_to_cache

from core.align import Photo
from core.images import encode_jpeg, encode_png
from core.provenance import Made, own_signer, signed

FORGET_AFTER_S = 600
"""Files and what is held of a visitor are gone after so long."""
SHOWN_QUALITY = 92
SAVE = """(file) => {
  if (!file || !file.url) return;
  const link = document.createElement("a");
  link.href = file.url; link.download = file.orig_name || "agetrans"; link.click();
}"""
"""JavaScript: the browser saves the file that it is given, as if its link had been pressed."""


class Delivery:
    """Lays bytes in one cache folder. Made pictures come with label and watermark already on them."""

    def __init__(self, folder: str) -> None:
        """Args:
            folder: Gradio's cache; it empties it itself (`delete_cache`).
        Raises:
            CredentialsRefused: the key for signing cannot be used; said now, and not to a visitor.
        """
        self.folder = folder
        own_signer()

    def show(self, photo: Photo, name: str, made: Made | None = None) -> str:
        """A picture for the page, as JPEG; signed if it is said how it was made, since a visitor's own was not.

        Returns:
            the path to put into a component.
        """
        data = encode_jpeg(photo, SHOWN_QUALITY)
        return self._keep(data if made is None else signed(data, ".jpg", made), f"{name}.jpg")

    def picture(self, photo: Photo, name: str, made: Made | None = None) -> str:
        """A made picture to be saved, as PNG, signed; `made` is told in its manifest."""
        return self.file(encode_png(photo), f"{name}.png", made)

    def file(self, data: bytes, name: str, made: Made | None = None) -> str:
        """Any other made file to be saved; `name` with its suffix. Signed as `core.provenance.signed` says."""
        return self._keep(signed(data, name, made), name)

    def _keep(self, data: bytes, name: str) -> str:
        return str(save_bytes_to_cache(data, name, self.folder))
