"""Ground-truth time travel: a face generated at another age beside the real photo of that person at that age."""

from dataclasses import dataclass
from typing import Final

from cafdata.record import Picture
from core.age_reader import PresentAge
from core.aging import portrait
from core.align import Photo
from core.detect import Face, at_place_of, portrait_box
from core.errors import NoFace
from core.images import decode_photo
from core.marking import mark
from core.provenance import Made
from core.transform import made_of
from demo.answering import Refusal
from demo.dataset.browsing import shown
from demo.dataset.recognition import Comparison, Recognition
from demo.studio import LIMITS, Studio

OLDEST_YEARS: Final = 120.0
CLOSE_UP_PX: Final = 512


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Journey:
    """From one photo of a person to the age of another. Pictures are (512, 512, 3) uint8 RGB, head and shoulders."""

    start: Photo
    """The photo that the face was generated from."""
    made: Photo
    """That person generated at the other photo's age, labelled."""
    real: Photo
    """The photo that there is of that age."""
    is_synthetic: bool
    """Whether the real photo was itself made, not taken."""
    told: Made
    """What the manifest of a file with `made` tells."""
    ages_years: tuple[float, float]
    """Of the two photos."""
    made_real: Comparison
    """Generated and real; its percentile is among real pairs of one person at the two ages."""
    start_real: Comparison
    """The two real photos: what can be expected across these years."""
    start_made: Comparison
    """What the generator kept of the face it was given."""


def travel(studio: Studio, recognition: Recognition, source: Picture, target: Picture) -> Journey:
    """Generate the source's face at the target's age, and hold the three against each other.

    Args:
        source: picture with the face to start from.
        target: another picture of the same person.
    Raises:
        Refusal: the default model does not make that age.
        NoFace, BadImage: one of the pictures cannot be used.
    """
    ager = studio.ager(studio.default_model)
    ages = (min(source.record.age_years, OLDEST_YEARS), min(target.record.age_years, OLDEST_YEARS))
    if ages[1] < ager.groups.first_years[0]:
        raise Refusal("The default model makes no faces that young. Choose an older picture to travel to.")
    start, real = (decode_photo(picture.data, LIMITS) for picture in (source, target))
    start_face, real_face = (_largest(studio, photo, picture) for photo, picture in ((start, source), (real, target)))
    aging = ager.transform(start, ages_years=[ages[1]], face=start_face, present_age=PresentAge(years=ages[0]))
    made = aging.results[0]
    made_photo = made.photo
    made_face = at_place_of(start_face, studio.pack.detect(made_photo))
    if made_face is None:
        raise NoFace(f"No face is found in the picture {source.record.picture_id}. Choose another one.")
    embed = studio.pack.embed
    one, other, generated = embed(start, start_face), embed(real, real_face), embed(made_photo, made_face)
    return Journey(
        start=shown(_close_up(start, start_face), source.record, CLOSE_UP_PX),
        made=mark(made.portrait),
        real=shown(_close_up(real, real_face), target.record, CLOSE_UP_PX),
        ages_years=ages,
        is_synthetic=target.record.is_synthetic,
        told=made_of(ager, [made.target]),
        made_real=recognition.compare(generated, other, ages),
        start_real=recognition.compare(one, other, ages),
        start_made=recognition.compare(one, generated, ages),
    )


def _largest(studio: Studio, photo: Photo, picture: Picture) -> Face:
    faces = studio.pack.detect(photo)
    if not faces:
        raise NoFace(f"No face is found in the picture {picture.record.picture_id}. Choose another one.")
    return faces[0]


def _close_up(photo: Photo, face: Face) -> Photo:
    return portrait(photo, portrait_box(face, photo.shape))
