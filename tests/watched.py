"""A face pack that counts how often anything is asked of it, so that what happens before consent can be seen."""

from typing import Any

from core.align import Photo
from core.candidates import Candidate
from core.detect import Face, FacePack


class Watched:
    """Around a real pack; everything is answered by that."""

    def __init__(self, pack: FacePack) -> None:
        self.pack, self.calls = pack, 0
        self.name, self.convention, self.identity = pack.name, pack.convention, pack.identity
        self.recogniser_file = pack.recogniser_file

    def detect(self, photo: Photo) -> list[Face]:
        self.calls += 1
        return self.pack.detect(photo)

    def find(self, photo: Photo) -> list[Candidate]:
        self.calls += 1
        return self.pack.find(photo)

    def place(self, photo: Photo, candidate: Candidate) -> Face:
        self.calls += 1
        return self.pack.place(photo, candidate)

    def embed(self, photo: Photo, face: Face) -> Any:
        self.calls += 1
        return self.pack.embed(photo, face)
