"""A photo and target ages in, the photo at those ages out: the one inference API.

What is carried back into the photo is the *change* of the crop, counted from the present age (core.change). The
photo's own detail, far finer than the network's crop, stays where the change leaves it (core.fine_detail).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core import device as compute_device
from core.age_reader import AgeReader, PresentAge
from core.ages import AgeGroups, group_system
from core.align import Affine, Photo, crop, framing_named
from core.change import Change, counted_from_present, gap_between, grey_levels
from core.detect import Face, FacePack, portrait_box
from core.device import Compute
from core.errors import NoFace
from core.generator import Generator, age_code
from core.images import resize, to_tensor, to_uint8
from core.paste import Paster
from core.reference import ReferenceGenerator, baked
from core.regions import Lock, keep
from core.weights import LoadedModel

NO_FACE = "No face found in this photo. Use one in which a face is seen from the front."
PORTRAIT_PX = 512
"""Side of a portrait, whatever the photo's size: labels on it then have one size too."""
PIXELS_AT_ONCE = 2 * 128 * 128
"""Ages are decoded together up to so many pixels of crops, two at 128 px: the first is there soon, and who stops early
has computed one more at most. The reference network is faster one by one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One age to be made."""

    years: float
    """The age in years; the typical age of a group."""
    name: str
    """For people: the group's name ("20-29") or the years ("25")."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class AgedFace:
    """One face at one target age."""

    target: Target
    face: Photo
    """(S, S, 3) uint8 RGB: the network's own crop at the target age."""
    original: Photo
    """(H, W, 3) uint8 RGB: the photo that was given."""
    patch: Photo
    """(h, w, 3) uint8 RGB: the part of the photo that changed, as it is now."""
    region: tuple[slice, slice]
    """Rows and columns of the photo that the patch stands for."""
    portrait_area: tuple[int, int, int, int]
    """Left, top, right, bottom of the part of the photo to show for the face with its surroundings."""

    @property
    def photo(self) -> Photo:
        """(H, W, 3) uint8 RGB: the whole photo with the face at the target age; a new array each time."""
        photo = self.original.copy()
        photo[self.region] = self.patch
        return photo

    @property
    def portrait(self) -> Photo:
        """(512, 512, 3) uint8 RGB: the face with its surroundings, cut from `photo`."""
        return portrait(self.photo, self.portrait_area)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Aging:
    """What became of one face of a photo."""

    face: Face
    """The face in the photo."""
    matrix: Affine
    """(2, 3) float64, photo pixels to crop pixels."""
    original: Photo
    """(S, S, 3) uint8 RGB: the crop that was given to the network."""
    present_age: PresentAge | None
    """As given, else as `FaceAger.present_age` reads it."""
    results: tuple[AgedFace, ...]
    """One for each target, in their order."""


class FaceAger:
    """Ages faces with one model. Keeps nothing of one call for the next; safe to share between threads."""

    def __init__(self, model: LoadedModel, pack: FacePack, compute: Compute, reader: AgeReader | None = None) -> None:
        """Args:
            model: a generator.
            pack: finds the faces.
            compute: where the generator runs.
            reader: reads present ages; without one the generator's own encoder does, less well, with no interval.
        Raises:
            ValueError: the model makes no pictures, or the reader takes whole photos.
        """
        network = model.network
        if not isinstance(network, Generator | ReferenceGenerator):
            raise ValueError(f"{model.info.name} reads ages and makes no pictures; name a generator")
        if reader is not None and reader.takes_whole_photos:
            raise ValueError(f"{reader.info.name} reads whole photos, so it cannot tell the age of one face")
        self.model, self.pack, self.compute, self.reader = model, pack, compute, reader
        if isinstance(network, ReferenceGenerator) and compute.dtype != torch.float32:
            network = baked(network, compute.dtype)
        self.network = compute.place(network).eval()
        self.framing = framing_named(model.info.framing)

    @property
    def groups(self) -> AgeGroups:
        """The model's age groups."""
        return group_system(self.model.info.groups)

    def find_faces(self, photo: Photo) -> list[Face]:
        """All faces, largest first. Raises NoFace if there is none."""
        faces = self.pack.detect(photo)
        if not faces:
            raise NoFace(NO_FACE)
        return faces

    def targets(
        self, ages_years: Sequence[float] | None = None, groups: Sequence[int] | None = None
    ) -> tuple[Target, ...]:
        """Targets from ages or from group numbers; all groups if neither is given.

        Raises:
            ValueError: both are given, or an age is outside what the model was trained for.
        """
        system = self.groups
        if ages_years is not None and groups is not None:
            raise ValueError("give ages_years or groups, not both")
        if ages_years is None:
            numbers = range(len(system)) if groups is None else groups
            wrong = [number for number in numbers if not 0 <= number < len(system)]
            if wrong:
                raise ValueError(f"group numbers must be 0..{len(system) - 1}, got {wrong[0]}")
            return tuple(Target(years=system.typical_years[n], name=system.names[n]) for n in numbers)
        for years in ages_years:
            if not system.first_years[0] <= years <= 120:
                raise ValueError(
                    f"{self.model.info.name} knows ages from {system.first_years[0]} to 120 years, not {years:g}"
                )
        return tuple(Target(years=float(years), name=f"{years:g}") for years in ages_years)

    def transform(
        self,
        photo: Photo,
        *,
        ages_years: Sequence[float] | None = None,
        groups: Sequence[int] | None = None,
        face: Face | None = None,
        present_age: PresentAge | None = None,
        locks: Collection[Lock] = (),
    ) -> Aging:
        """Bring one face of a photo to target ages.

        Args:
            photo: (H, W, 3) uint8 RGB, 0..255.
            ages_years: target ages, or
            groups: numbers of target groups; all of the model's groups if neither is given.
            face: which face, from `find_faces`; the largest if not given.
            present_age: age of the face now; as `present_age` reads it if not given.
            locks: regions of the photo that stay as they are.
        Raises:
            NoFace: the photo holds no face.
            ValueError: both ages_years and groups are given, an age the model does not know, or an unknown region.
        """
        targets = self.targets(ages_years, groups)
        face = face or self.find_faces(photo)[0]
        prepared = _Prepared(self, photo, face, present_age)
        return Aging(
            face=face,
            matrix=prepared.matrix,
            original=prepared.crop,
            present_age=prepared.present_age,
            results=tuple(self._results(prepared, targets, locks)),
        )

    def stream(
        self,
        photo: Photo,
        *,
        ages_years: Sequence[float] | None = None,
        groups: Sequence[int] | None = None,
        face: Face | None = None,
        present_age: PresentAge | None = None,
        locks: Collection[Lock] = (),
    ) -> Iterator[AgedFace]:
        """The results of `transform` one after the other, for progress and for stopping early."""
        targets = self.targets(ages_years, groups)
        face = face or self.find_faces(photo)[0]
        yield from self._results(_Prepared(self, photo, face, present_age), targets, locks)

    def present_age(self, photo: Photo, face: Face) -> PresentAge | None:
        """Age of a face now: the reader's, else the generator's own reading; None if that reads none either."""
        if self.reader is not None:
            return self.reader.read(photo, [face])[0]
        return _Prepared(self, photo, face, None).present_age

    def _results(self, prepared: "_Prepared", targets: Sequence[Target], locks: Collection[Lock]) -> Iterator[AgedFace]:
        photo = prepared.photo
        kept = keep(photo, prepared.face, locks)
        paster = Paster(photo.shape, prepared.matrix, self.model.info.size_px, kept=kept)
        detail = paster.finer_detail(photo)
        area = portrait_box(prepared.face, photo.shape)
        at_once = max(1, PIXELS_AT_ONCE // self.model.info.size_px**2) if isinstance(self.network, Generator) else 1
        for start in range(0, len(targets), at_once):
            some = targets[start : start + at_once]
            made = prepared.make([target.years for target in some])
            faces = to_uint8(made)
            for target, tensor, face in zip(some, made, faces, strict=True):
                change = prepared.change(tensor, target.years)
                pasted = paster.face(photo, face, detail) if change is None else paster.change(photo, change, detail)
                yield AgedFace(
                    target=target,
                    face=face,
                    original=photo,
                    patch=pasted[paster.region].copy(),
                    region=paster.region,
                    portrait_area=area,
                )


class _Prepared:
    """A face after everything that does not depend on the target age."""

    def __init__(self, ager: FaceAger, photo: Photo, face: Face, present_age: PresentAge | None) -> None:
        size = ager.model.info.size_px
        self.network, self.compute, self.groups = ager.network, ager.compute, ager.groups
        self.photo, self.face, self.present_age = photo, face, present_age
        self.matrix = ager.framing.matrix(face.points, face.convention, size)
        self.crop = crop(photo, self.matrix, size, style=ager.framing.style)
        self.pictures = self.compute.move(to_tensor(self.crop[None]))
        if present_age is None and ager.reader is not None:
            self.present_age = ager.reader.read(photo, [face])[0]
        self.at_present: Tensor | None = None
        """(3, S, S) float32: the output at the present age; None for a network that gives whole pictures."""
        if isinstance(self.network, Generator):
            with torch.inference_mode(), compute_device.autocast(self.compute):
                self.encoding = self.network.encode(self.pictures)
            if self.present_age is None:
                self.present_age = PresentAge(years=float(self.encoding.present_age_years()[0]))
            self.at_present = self.make([self.present_age.years])[0]

    def make(self, ages_years: Sequence[float]) -> Tensor:
        """(len(ages_years), 3, S, S) float32, about -1..1."""
        count = len(ages_years)
        pictures = self.pictures.expand(count, -1, -1, -1)
        with torch.inference_mode(), compute_device.autocast(self.compute):
            if isinstance(self.network, Generator):
                code = self.compute.move(age_code(self.groups, ages_years))
                made = self.network.decode(pictures, self.encoding.repeat(count), code)[0]
            else:
                assert isinstance(self.network, ReferenceGenerator)
                made = self.network(pictures, self.compute.move(torch.from_numpy(self.groups.soft_code(ages_years))))
        return made.float().clamp(-1, 1)

    def change(self, made: Tensor, years: float) -> Change | None:
        """What an output (3, S, S) of `make` carries over; None for a network that gives whole pictures."""
        if self.at_present is None:
            return None
        assert self.present_age is not None  # at_present was made for it
        gap = gap_between(self.groups, years, self.present_age.years)
        return grey_levels(counted_from_present(made, self.at_present, self.pictures[0].float(), gap))


def portrait(photo: Photo, area: tuple[int, int, int, int]) -> Photo:
    """Cut a square area (left, top, right, bottom) out of a photo: (512, 512, 3) uint8 RGB."""
    left, top, right, bottom = area
    return resize(np.ascontiguousarray(photo[top:bottom, left:right]), PORTRAIT_PX, PORTRAIT_PX)
