"""The models and the face pack behind the page, and what they make of one visitor's photo."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.age_reader import PresentAge, bundled_reader
from core.ages import AgeGroups, group_system
from core.aging import AgedFace, FaceAger, portrait
from core.align import Photo
from core.animation import FILM_STEPS, sweep
from core.budget import Likeness, budget_of
from core.detect import Face, FacePack, open_pack, portrait_box
from core.device import Compute, choose
from core.images import DecodeLimits, decode_photo, encode_png, resize
from core.marking import TILE_PX, mark
from core.provenance import Made, signed
from core.regions import Lock
from core.transform import file_word, labelled_sheet, labelled_tile, made_of, record_of
from core.weights import ModelInfo, default_model, list_models, load
from demo.borrowing import open_ager

LIMITS = DecodeLimits(max_bytes=32 * 1024 * 1024, max_pixels=40_000_000)
MAX_WORKED_PIXELS = 12_500_000
"""Of a photo that is worked on: what a telephone takes. Ten pictures of more would not fit beside other visitors'."""
ADULT_YEARS = 18


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sitting:
    """A photo whose people agreed, its faces, and the one picked. Lives in one visitor's session only."""

    photo: Photo
    """(H, W, 3) uint8 RGB, as decoded."""
    faces: tuple[Face, ...]
    """Largest first; at least one."""
    picked: int = 0
    """Index into `faces`."""
    present_age: PresentAge | None
    """Age of the picked face as `FaceAger.present_age` reads it; None for a model that reads none."""
    locks: tuple[Lock, ...] = ()
    """What of the photo stays as it is."""

    @property
    def face(self) -> Face:
        return self.faces[self.picked]

    @property
    def needs_guardian(self) -> bool:
        return self.present_age is not None and self.present_age.years < ADULT_YEARS


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One age of one face, ready to be shown: every array it gives carries the visible label."""

    aged: AgedFace
    made: Made
    """What the manifest of a file with it tells."""

    @property
    def name(self) -> str:
        """ "20-29" for a group, "25" for an age."""
        return self.aged.target.name

    @property
    def file_word(self) -> str:
        """The name as it goes into a file name."""
        return file_word(self.aged.target)

    @property
    def photo(self) -> Photo:
        """(H, W, 3) uint8 RGB: the whole photo with the aged face in it."""
        return mark(self.aged.photo)

    @property
    def close_up(self) -> Photo:
        """(512, 512, 3) uint8 RGB: head and shoulders of `photo`."""
        return mark(self.aged.portrait)

    @property
    def tile(self) -> Photo:
        """(256, 256, 3) uint8 RGB: the close-up for the strip, its label as large as there."""
        return labelled_tile(self.aged)


Target = tuple[str, float]
"""What to show: ("group", index) or ("age", years)."""


class Studio:
    """Models and the face pack behind the page; keeps nothing about any photo."""

    def __init__(self, *, model: str = "", pack: str = "auto", archive: str = "") -> None:
        """Open the pack, the default model and the age estimator, if there is one; other models when first asked for.

        Args:
            model: name of a model, or the path of its file; empty: the first with ten groups.
            pack: as for `core.detect.open_pack`.
            archive: faces across ages to look around in, see `demo.dataset.shelf`; empty: the bundled sample.
        Raises:
            PackMissing, WeightsMissing, WeightsRefused: see there.
        """
        self.dataset = archive
        first = load(model or default_model("10").name)
        self.default_model = first.info.name
        made = {info.name: info for info in list_models() if info.is_generator}
        self._infos = made | {first.info.name: first.info}
        self.pack: FacePack = open_pack(pack)
        self.compute: Compute = choose()
        self.reader = bundled_reader(self.compute)
        self.budget = budget_of(self.pack)
        self._agers = {first.info.name: open_ager(first, self.pack, self.compute, self.reader)}
        self._lock = threading.Lock()

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        return tuple(self._infos.values())

    @property
    def estimator(self) -> ModelInfo | None:
        """What reads the ages; None where the generators do it themselves."""
        return None if self.reader is None else self.reader.info

    def info(self, model: str) -> ModelInfo:
        return self._infos[model]

    def groups(self, model: str) -> AgeGroups:
        return group_system(self._infos[model].groups)

    def ager(self, model: str) -> FaceAger:
        with self._lock:
            if model not in self._agers:
                self._agers[model] = open_ager(load(model), self.pack, self.compute, self.reader)
            return self._agers[model]

    def read(self, data: bytes) -> Photo:
        """Bytes of an upload to (H, W, 3) uint8 RGB, shrunk to `MAX_WORKED_PIXELS` if larger. Raises BadImage."""
        photo = decode_photo(data, LIMITS)
        height_px, width_px = photo.shape[:2]
        scale = (MAX_WORKED_PIXELS / (height_px * width_px)) ** 0.5
        return photo if scale >= 1 else resize(photo, max(1, int(width_px * scale)), max(1, int(height_px * scale)))

    def look(self, photo: Photo, model: str) -> Sitting:
        """Find the faces and read the largest one's age. Only after consent. Raises NoFace."""
        faces = tuple(self.ager(model).find_faces(photo))
        return self.pick(Sitting(photo=photo, faces=faces, present_age=None), 0, model)

    def pick(self, sitting: Sitting, index: int, model: str) -> Sitting:
        """The same photo with another face picked and its age read."""
        age = self.ager(model).present_age(sitting.photo, sitting.faces[index])
        return replace(sitting, picked=index, present_age=age)

    def thumbnails(self, sitting: Sitting) -> list[Photo]:
        """A square crop of each face, (256, 256, 3) uint8 RGB."""
        areas = [portrait_box(face, sitting.photo.shape) for face in sitting.faces]
        return [resize(portrait(sitting.photo, area), TILE_PX, TILE_PX) for area in areas]

    def before(self, sitting: Sitting) -> Photo:
        """Close-up of the photo as it came, framed as `Picture.close_up` is."""
        return portrait(sitting.photo, portrait_box(sitting.face, sitting.photo.shape))

    def strip(self, sitting: Sitting, model: str) -> Iterator[Picture]:
        """One picture for each age group, youngest first, as they are made."""
        groups = range(len(self.groups(model)))
        for aged in self._stream(sitting, model, groups=tuple(groups)):
            yield Picture(aged, made_of(self.ager(model), [aged.target]))

    def picture(self, sitting: Sitting, model: str, target: Target) -> Picture:
        """The picked face at one group or one age."""
        kind, value = target
        if kind == "group":
            aged = next(self._stream(sitting, model, groups=(int(value),)))
        else:
            aged = next(self._stream(sitting, model, ages_years=(value,)))
        return Picture(aged, made_of(self.ager(model), [aged.target]))

    def weigh(self, sitting: Sitting, pictures: Sequence[Picture]) -> list[Likeness]:
        """How alike the picked face's pictures are to it; none where its age is not known."""
        if sitting.present_age is None:
            return []
        results = [picture.aged for picture in pictures]
        return list(self.budget.weigh(results, sitting.face, sitting.present_age.years))

    def made(self, model: str) -> Made:
        """What the manifest of a file tells that shows all of a model's age groups."""
        ager = self.ager(model)
        return made_of(ager, ager.targets())

    def sheet(self, sitting: Sitting, model: str) -> Photo:
        """Contact sheet of all age groups, (H, W, 3) uint8 RGB, marked."""
        return labelled_sheet([picture.aged for picture in self.strip(sitting, model)])

    def frames(self, sitting: Sitting, model: str, *, steps: int = FILM_STEPS, size_px: int = 0) -> Iterator[Photo]:
        """Frames of the sweep through all ages, see `core.animation.sweep`."""
        return sweep(
            self.ager(model),
            sitting.photo,
            sitting.face,
            sitting.present_age,
            steps=steps,
            size_px=size_px,
            locks=sitting.locks,
        )

    def archive(self, sitting: Sitting, model: str) -> bytes:
        """ZIP of everything: a PNG per age group and a contact sheet, signed, and a JSON file on how it was made."""
        ager = self.ager(model)
        aging = ager.transform(sitting.photo, face=sitting.face, present_age=sitting.present_age, locks=sitting.locks)
        pictures = {
            f"{number:02d}_age_{file_word(aged.target)}.png": Picture(aged, made_of(ager, [aged.target]))
            for number, aged in enumerate(aging.results, 1)
        }
        record = record_of(ager, sitting.photo, aging, [*pictures, "sheet.png"], sitting.locks)
        made = self.made(model)
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, picture in pictures.items():
                archive.writestr(name, signed(encode_png(picture.photo), name, picture.made))
            archive.writestr("sheet.png", signed(encode_png(labelled_sheet(aging.results)), "sheet.png", made))
            archive.writestr("record.json", json.dumps(record, indent=2))
        return target.getvalue()

    def _stream(
        self,
        sitting: Sitting,
        model: str,
        *,
        groups: Sequence[int] | None = None,
        ages_years: Sequence[float] | None = None,
    ) -> Iterator[AgedFace]:
        return self.ager(model).stream(
            sitting.photo,
            groups=groups,
            ages_years=ages_years,
            face=sitting.face,
            present_age=sitting.present_age,
            locks=sitting.locks,
        )
