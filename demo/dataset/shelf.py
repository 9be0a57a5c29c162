"""The archives that the page shows: the one it was started with, and data sets of the Hub that visitors name."""

import os
import threading
import time
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Final

from cafdata.catalogue import Catalogue, FolderFiles
from cafdata.hub_files import NAME, HubFiles
from cafdata.manifest import Manifest
from cafdata.sample import SAMPLE
from core.errors import ArchiveBroken
from demo.dataset.letterbox import Letterbox

HOME: Final = ""
"""What the archive that the page was started with is called between the modules; others go by OWNER/NAME."""
MAX_FROM_HUB: Final = 4
"""So many data sets of the Hub are held; the one not asked for the longest goes first."""
READ_AGAIN_S: Final = 600
"""A data set of the Hub is looked up anew after so long, so that what was taken out there goes here too."""


class Shelf:
    """Catalogues of archives, shared by all visitors; holds names and ages, never a picture or an embedding."""

    def __init__(self, archive: str = "") -> None:
        """Args:
            archive: a folder, or OWNER/NAME on the Hub; empty for the sample that comes with the project.
        Raises:
            ArchiveBroken: there is no such archive, or it is damaged.
        """
        folder = Path(archive) if archive else SAMPLE
        if archive and not folder.exists() and not NAME.fullmatch(archive):
            raise ArchiveBroken(f"There is no archive {archive}; name a folder, or OWNER/NAME on the Hugging Face Hub.")
        self.folder = folder if folder.exists() else None
        """The folder of the archive at home; None where that lies on the Hub."""
        self.letters = Letterbox()
        """What visitors leave for the keeper, in whatever language they read the page."""
        self._hub_home = None if self.folder else archive
        self._lock, self._asking = threading.Lock(), threading.Lock()
        self._from_hub: OrderedDict[str, tuple[float, Catalogue]] = OrderedDict()
        self._home: tuple[int, Catalogue] | None = None
        if self.folder is not None:
            self.open(HOME)

    @property
    def is_sample(self) -> bool:
        """Whether the archive at home is the bundled one."""
        return self.folder is not None and self.folder.resolve() == SAMPLE

    def keeper_folder(self, name: str) -> Path | None:
        """Folder into which what is left for an archive's keeper goes; None where nothing may be written."""
        if name != HOME or self.folder is None or self.is_sample or not os.access(self.folder, os.W_OK):
            return None
        return self.folder

    def open(self, name: str) -> Catalogue:
        """The catalogue of an archive as it is now.

        Args:
            name: `HOME`, or OWNER/NAME on the Hub. Never a path: visitors name these.
        Raises:
            ArchiveBroken: none of that name, damaged, or out of reach.
        """
        if name == HOME and self.folder is not None:
            return self._open_folder(self.folder)
        return self._open_hub(name or self._hub_home or "")

    def _open_folder(self, folder: Path) -> Catalogue:
        generation = Manifest.read(folder).generation
        with self._lock:
            if self._home is None or self._home[0] != generation:
                files = FolderFiles(folder)
                self._home = (files.generation, Catalogue(files))
            return self._home[1]

    def _open_hub(self, name: str) -> Catalogue:
        with self._lock:
            held = self._from_hub.get(name)
            if held is not None and time.monotonic() - held[0] < READ_AGAIN_S:
                self._from_hub.move_to_end(name)
                return held[1]
        with self._asking:
            catalogue = Catalogue(HubFiles(name))
        with self._lock:
            self._from_hub[name] = (time.monotonic(), catalogue)
            self._from_hub.move_to_end(name)
            while len(self._from_hub) > MAX_FROM_HUB:
                self._from_hub.popitem(last=False)
        return catalogue


@lru_cache(maxsize=4)
def shelf_of(archive: str) -> Shelf:
    """The one shelf of an app, whatever language a visitor reads it in. Raises as `Shelf`."""
    return Shelf(archive)
