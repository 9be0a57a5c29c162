"""What programs may ask for: a photo at other ages, the age of a face, whether two faces are one person.

Nothing here knows Gradio or HTTP. Every call looks at its arguments first, at `agreed` before all others, then at the
photo; nothing is kept of any. Arguments come from strangers, so each is checked here, whatever the caller promised.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from core.age_reader import PresentAge
from core.aging import NO_FACE, FaceAger
from core.align import Photo
from core.detect import Face
from core.marking import mark
from core.thresholds import ThresholdTable, table_of
from core.transform import file_word, made_of, present_age_words, record_of
from core.verification import Verification, verify
from demo.answering import Refusal, answering
from demo.delivery import Delivery
from demo.studio import ADULT_YEARS, MAX_WORKED_PIXELS, Studio

MAX_AGES = 20
MAX_PIXELS = 10 * MAX_WORKED_PIXELS
"""Of all pictures of one answer together: each is a file to be written, sent and soon deleted."""
FALSE_ACCEPT_RATE = 0.001
AGREE = (
    "Nothing was looked at: agreed must be true, which says that the people in the photo are adults and agree to this, "
    "or that it is you."
)
GUARDIAN = (
    "This face reads as under 18. If the person is an adult, or you are the guardian and agree, "
    "set guardian_agrees to true."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Aged:
    """A face at other ages."""

    files: tuple[str, ...]
    """Paths of PNG files, one for each age in the order asked for: the whole photo, marked."""
    record: dict[str, Any]
    """For JSON: how they were made, and their names."""


class Calls:
    """The calls; safe from many threads."""

    def __init__(self, studio: Studio, delivery: Delivery) -> None:
        self.studio, self.delivery = studio, delivery

    @cached_property
    def table(self) -> ThresholdTable:
        """Thresholds of the pack's recogniser. Raises TableMissing where there are none."""
        return table_of(self.studio.pack, FALSE_ACCEPT_RATE)

    def read(self, data: bytes) -> Photo:
        """A picture file to (H, W, 3) uint8 RGB. Raises Refusal."""
        with answering():
            return self.studio.read(data)

    def models(self) -> list[dict[str, Any]]:
        """For JSON: name, age groups, years known, size and terms of each model, the default one first."""
        infos = sorted(self.studio.models, key=lambda info: info.name != self.studio.default_model)
        return [
            {
                "name": info.name,
                "groups": list(self.studio.groups(info.name).names),
                "youngest_years": self.studio.groups(info.name).first_years[0],
                "oldest_years": 120,
                "size_px": info.size_px,
                "licence": info.licence,
                "sha256": info.sha256,
            }
            for info in infos
        ]

    def age_face(self, photo: Photo, *, ages: Any, model: Any, face: Any, agreed: Any, guardian_agrees: Any) -> Aged:
        """Bring one face of a photo to other ages.

        Args:
            photo: (H, W, 3) uint8 RGB.
            ages: list of years; empty or None for every group of the model.
            model: its name; "" for the default one.
            face: which face, 0 the largest.
            agreed: true, or nothing is looked at.
            guardian_agrees: true, or no face is changed that reads as under 18.
        Raises:
            Refusal: why there is no result, as one sentence.
        """
        require_agreed(agreed)
        ager = self._ager(model)
        years = years_in(ages, "ages", MAX_AGES)
        try:
            targets = ager.targets(years or None)
        except ValueError as error:
            raise Refusal(f"{error}.") from error
        height_px, width_px = photo.shape[:2]
        if len(targets) * height_px * width_px > MAX_PIXELS:
            raise Refusal(
                f"{len(targets)} pictures of {width_px} x {height_px} pixels are too many for one answer; "
                "send a smaller photo or ask for fewer ages."
            )
        with answering():
            picked = self._picked(photo, face)
            present_age = ager.present_age(photo, picked)
            require_guardian(present_age, guardian_agrees)
            aging = ager.transform(photo, ages_years=years or None, face=picked, present_age=present_age)
            words = [file_word(aged.target) for aged in aging.results]
            paths = [
                self.delivery.picture(mark(aged.photo), f"age_{word}", made_of(ager, [aged.target]))
                for aged, word in zip(aging.results, words, strict=True)
            ]
            return Aged(files=tuple(paths), record=record_of(ager, photo, aging, [f"age_{word}.png" for word in words]))

    def present_age(self, photo: Photo, *, agreed: Any) -> dict[str, Any]:
        """For JSON: box, age in years and its 80 % interval of every face, the largest first. Raises Refusal."""
        require_agreed(agreed)
        with answering():
            ager = self.studio.ager(self.studio.default_model)
            faces = [
                {
                    "face": number,
                    "box": [round(float(side), 1) for side in face.box],
                    "warnings": list(face.warnings),
                    **present_age_words(ager.present_age(photo, face)),
                }
                for number, face in enumerate(ager.find_faces(photo))
            ]
        estimator = self.studio.estimator
        return {"faces": faces, "age_estimator": None if estimator is None else estimator.name}

    def verify_faces(
        self, first: Photo, second: Photo, *, ages: Any, agreed: Any, guardian_agrees: Any
    ) -> dict[str, Any]:
        """Say whether the largest faces of two photos are one person: by their ages' threshold, and by one for all.

        Args:
            first: (H, W, 3) uint8 RGB.
            second: the same.
            ages: the two ages in years; empty or None: as read from the faces.
            agreed: true, or nothing is looked at.
            guardian_agrees: true, or no face is compared that reads as under 18.
        Returns:
            for JSON: score, ages, gap, both thresholds and verdicts, and a sentence.
        Raises:
            Refusal: why there is no result, as one sentence.
        """
        require_agreed(agreed)
        years = years_in(ages, "ages", 2)
        if len(years) == 1:
            raise Refusal("ages names one age; give one for each of the two photos, or none.")
        with answering():
            photos = (first, second)
            faces = [self._picked(photo, 0) for photo in photos]
            ager = self.studio.ager(self.studio.default_model)
            read = [ager.present_age(photo, face) for photo, face in zip(photos, faces, strict=True)]
            for age in read:
                require_guardian(age, guardian_agrees)
            if not years:
                years = tuple(age.years for age in read if age is not None)
                if len(years) < 2:
                    raise Refusal("No model here reads ages; give the two ages in years.")
            embeddings = [self.studio.pack.embed(photo, face) for photo, face in zip(photos, faces, strict=True)]
            seen = verify(embeddings[0], embeddings[1], (years[0], years[1]), self.table)
        return verification_words(seen)

    def _ager(self, model: Any) -> FaceAger:
        name = model or self.studio.default_model
        known = [info.name for info in self.studio.models]
        if name not in known:
            raise Refusal(f"There is no such model; there are {', '.join(known)}.")
        with answering():
            return self.studio.ager(name)

    def _picked(self, photo: Photo, number: Any) -> Face:
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise Refusal("face is the number of a face: 0 for the largest, 1 for the next.")
        faces = self.studio.pack.detect(photo)
        if not faces:
            raise Refusal(NO_FACE)
        if number >= len(faces):
            raise Refusal(f"There is no face {number}: this photo has {len(faces)}, numbered from 0.")
        return faces[number]


def require_agreed(agreed: Any) -> None:
    """Raises Refusal unless it is true itself; nothing that merely reads like it counts."""
    if agreed is not True:
        raise Refusal(AGREE)


def require_guardian(age: PresentAge | None, guardian_agrees: Any) -> None:
    """Raises Refusal where a face reads as under 18 and nobody answers for it."""
    if age is not None and age.years < ADULT_YEARS and guardian_agrees is not True:
        raise Refusal(GUARDIAN)


def years_in(ages: Any, name: str, most: int) -> tuple[float, ...]:
    """Ages that somebody sent, 0..120 each, at most so many; empty for none. Raises Refusal for anything else."""
    if ages is None:
        return ()
    if not isinstance(ages, Sequence) or isinstance(ages, str) or len(ages) > most:
        raise Refusal(f"{name} is a list of at most {most} ages in years, such as [8, 70].")
    for age in ages:
        is_number = isinstance(age, int | float) and not isinstance(age, bool)
        if not is_number or not 0 <= age <= 120:  # which nothing infinite is, nor what is no number
            raise Refusal(f"{name} holds something that is no age; give years from 0 to 120, such as [8, 70].")
    return tuple(float(age) for age in ages)


def verification_words(seen: Verification) -> dict[str, Any]:
    """A verification for JSON; null what is not known."""
    fields = dataclasses.asdict(seen)
    del fields["cell"]
    return {
        **fields,
        "gap_years": seen.gap_years,
        "threshold": seen.threshold,
        "passes_rectified": seen.passes_rectified,
        "passes_one_size": seen.passes_one_size,
        "percentile": seen.percentile,
        "sentence": seen.sentence,
    }
