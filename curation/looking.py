"""One look at a fetched picture: decoded once, hashed, its face found, judged, cut out, embedded and its age read.

Whatever a picture holds, it ends as `Seen` or as one `Drop` that names the stage. Nothing of one picture changes what
comes of another: ages are read in float32 in batches of one size, filled up with black where there are too few, as
sums come out otherwise in their last digits where a batch has another size.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import torch

from cafdata.picture_hash import long_hash, look_of
from core.age_reader import AgeReader, PresentAge
from core.align import Photo, crop, framing_named
from core.detect import Face, open_pack
from core.device import Precision, autocast, choose
from core.identity import Embedding
from core.images import decode_photo, to_tensor
from core.weights import load
from curation.faces import STAGE as FACES
from curation.faces import FaceRules, as_file, choose_face, cut_out, embed_kept
from curation.quality import STAGE as QUALITY
from curation.quality import Scores, refusal, scores_of
from curation.seen import Seen
from curation.stage import Drop, guarded

DECODE: Final = "decode"
EMBED: Final = "embed"
AGE: Final = "age"
DIGITS: Final = 1
"""Decimals of an age that was read, in years: a tenth of a year is far below any estimator's error."""
AGE_ROWS: Final = 4
"""Faces whose ages are read at once: a quarter faster than one by one, no slower than eight."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Found:
    """The face of a photo, and how many there are."""

    face: Face
    num_faces: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Cut:
    """A face, cut out and measured."""

    scores: Scores
    file: bytes
    long_hash: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Ready:
    """Everything of a picture but its age; the photo itself is no longer there."""

    photo_sha256: str
    width_px: int
    height_px: int
    looks: tuple[str, ...]
    found: _Found
    cut: _Cut
    embedding: Embedding
    age_face: Photo
    """As the estimator takes it."""


class Looker:
    """A face pack and an age estimator with the rules for faces. Keeps nothing of one picture for the next."""

    def __init__(
        self,
        *,
        pack: str,
        estimator: str,
        rules: FaceRules,
        device: str = "auto",
        precision: Precision = "float32",
        threads: int = 1,
    ) -> None:
        """Load the models; takes seconds, so once in a process.

        Args:
            pack: as core.detect.open_pack takes it.
            estimator: name of an age estimator in the model folder.
            device: as core.device.choose takes it.
            precision: of the age estimator. "auto" is what is fastest on this machine at this moment, and may not
                be the same the next time: ages then differ by up to a year.
            threads: that the face pack computes with.
        Raises:
            PackMissing, WeightsMissing, WeightsRefused, DeviceMissing: as those say.
            ValueError: the estimator makes pictures, or takes whole photos.
        """
        self.rules = rules
        self.pack = open_pack(pack, threads=threads, is_sparing=True)
        self.reader = AgeReader(load(estimator), choose(device, precision))
        if self.reader.takes_whole_photos:
            raise ValueError(f"{estimator} reads whole photos; name an estimator that reads faces")

    def look(self, data: bytes) -> Seen | Drop:
        """Everything that later stages need of one picture file, or why it ends here."""
        return self.look_all([data])[0]

    def look_all(self, batch: Sequence[bytes]) -> list[Seen | Drop]:
        """`look` at each of a batch, in its order."""
        outcomes = [self._all_but_age(data) for data in batch]
        ready = [one for one in outcomes if isinstance(one, _Ready)]
        ages = iter(self._read_ages([one.age_face for one in ready]))
        made: list[Seen | Drop] = []
        for one in outcomes:
            if isinstance(one, Drop):
                made.append(one)
                continue
            age = next(ages)
            made.append(age if isinstance(age, Drop) else self._seen(one, age))
        return made

    def _all_but_age(self, data: bytes) -> _Ready | Drop:
        photo = guarded(DECODE, decode_photo, data)
        if isinstance(photo, Drop):
            return photo
        found = guarded(FACES, self._find, photo)
        if isinstance(found, Drop):
            return found
        cut = guarded(QUALITY, partial(self._cut, photo), found.face)
        if isinstance(cut, Drop):
            return cut
        embedding = guarded(EMBED, partial(self._embed, cut.file), found.face)
        if isinstance(embedding, Drop):
            return embedding
        age_face = guarded(AGE, partial(self._age_face, photo), found.face)
        if isinstance(age_face, Drop):
            return age_face
        looks = guarded(DECODE, look_of, photo)
        if isinstance(looks, Drop):
            return looks
        return _Ready(
            photo_sha256=hashlib.sha256(data).hexdigest(),
            width_px=photo.shape[1],
            height_px=photo.shape[0],
            looks=looks,
            found=found,
            cut=cut,
            embedding=embedding,
            age_face=age_face,
        )

    def _find(self, photo: Photo) -> _Found | Drop:
        """Only the chosen face is looked at for its exact points."""
        candidates = self.pack.find(photo)
        chosen = choose_face(candidates, self.rules)
        if isinstance(chosen, Drop):
            return chosen
        return _Found(face=self.pack.place(photo, chosen), num_faces=len(candidates))

    def _cut(self, photo: Photo, face: Face) -> _Cut | Drop:
        scores = scores_of(photo, face, self.rules)
        if (drop := refusal(scores, self.rules)) is not None:
            return drop
        crop = cut_out(photo, face, self.rules)
        return _Cut(scores=scores, file=as_file(crop), long_hash=long_hash(crop))

    def _embed(self, file: bytes, face: Face) -> Embedding:
        return embed_kept(self.pack, file, face.points.tolist(), face.convention, self.rules.framing)

    def _age_face(self, photo: Photo, face: Face) -> Photo:
        framing, size_px = framing_named(self.reader.info.framing), self.reader.info.size_px
        return crop(photo, framing.matrix(face.points, face.convention, size_px), size_px, style=framing.style)

    def _read_ages(self, faces: list[Photo]) -> list[PresentAge | Drop]:
        ages: list[PresentAge | Drop] = []
        for start in range(0, len(faces), AGE_ROWS):
            group = faces[start : start + AGE_ROWS]
            read = guarded(AGE, self._read_group, group)
            ages += [read] * len(group) if isinstance(read, Drop) else read
        return ages

    def _read_group(self, faces: list[Photo]) -> list[PresentAge]:
        """Ages of at most AGE_ROWS faces."""
        filling = [np.zeros_like(faces[0])] * (AGE_ROWS - len(faces))
        compute = self.reader.compute
        with torch.inference_mode(), autocast(compute):
            reading = self.reader.network.read(compute.move(to_tensor(np.stack(faces + filling))))
        rows = zip(reading.years.tolist(), reading.low_years.tolist(), reading.high_years.tolist(), strict=True)
        ages = [PresentAge(years=years, interval_years=(low, high)) for years, low, high in rows]
        return ages[: len(faces)]

    def _seen(self, ready: _Ready, age: PresentAge) -> Seen:
        found, cut, face = ready.found, ready.cut, ready.found.face
        assert age.interval_years is not None, "an estimator gives an interval"
        low_years, high_years = age.interval_years
        return Seen(
            photo_sha256=ready.photo_sha256,
            looks=ready.looks,
            photo_width_px=ready.width_px,
            photo_height_px=ready.height_px,
            face=cut.file,
            sha256=hashlib.sha256(cut.file).hexdigest(),
            long_hash=cut.long_hash,
            size_px=self.rules.size_px,
            framing=self.rules.framing,
            box=face.box,
            points=tuple((float(x), float(y)) for x, y in face.points),
            points_convention=face.convention,
            num_faces=found.num_faces,
            quality=cut.scores.as_pairs(),
            age_read_years=round(age.years, DIGITS),
            age_read_low_years=round(low_years, DIGITS),
            age_read_high_years=round(high_years, DIGITS),
            estimator=self.reader.info.name,
            embedding=ready.embedding,
        )
