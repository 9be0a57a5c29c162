"""What becomes of a photo's own detail: the change carried over, against the whole output enlarged.

For every photo whose face is larger than the model's crop, each target age is put back both ways. Given are, medians
over photos: gradient energy of the face's inside over the photo's own there (1 keeps all of its texture, an enlarged
crop cannot have it), and the colour shift where the crop ends, in CIELAB.

    python -m benchmarks.full_resolution [FOLDER]     without one: scikit-image's astronaut, enlarged to 1280 px
"""

import statistics
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from core.aging import FaceAger
from core.align import Photo, scale_of
from core.detect import open_pack
from core.device import choose
from core.errors import NoFace
from core.images import read_photo, resize
from core.paste import FEATHER, mask
from core.transform import photos_in
from core.weights import default_model, load
from training.metrics import colour_difference, to_lab

INSIDE, RIM = 0.999, (0.001, 0.1)
"""Of the mask's weights: where nothing of the photo is blended in, and where nearly all is."""


def main(folder: str = "") -> None:
    """Measure, and print a line a target age."""
    torch.set_num_threads(2)
    ager = FaceAger(load(default_model("10").name), open_pack("embedded"), choose())
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    used, left_out = 0, []
    for name, photo in photos(folder):
        try:
            aging = ager.transform(photo)
        except NoFace:
            left_out.append(name)
            continue
        if scale_of(aging.matrix) >= 1:
            left_out.append(name)
            continue
        used += 1
        weights = over_photo(mask(ager.model.info.size_px, FEATHER)[:, :, 0], aging.matrix, photo).clip(0, 1)
        for aged in aging.results:
            plain = photo + weights[:, :, None] * (over_photo(aged.face, aging.matrix, photo) - photo)
            pictures = (aged.photo, plain.clip(0, 255).astype(np.uint8))
            carried, enlarged = (measured(photo, picture, weights) for picture in pictures)
            found.setdefault(aged.target.name, []).append(carried + enlarged)
    print(f"photos used {used}; without a face, or with one no larger than the crop: {', '.join(left_out) or 'none'}")
    print(f"torch {version('torch')}, opencv {cv2.__version__}")
    for name, rows in found.items():
        carried, rim, plain_energy, plain_rim = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name}: texture {carried:.2f} carried over, {plain_energy:.2f} enlarged", end="; ")
        print(f"colour at the rim {rim:.2f} and {plain_rim:.2f} dE")


def photos(folder: str) -> list[tuple[str, Photo]]:
    """Name and pixels."""
    if not folder:
        from skimage.data import astronaut

        return [("astronaut", resize(np.ascontiguousarray(astronaut()), 1280, 1280))]
    return [(path.name, read_photo(path)) for path in photos_in([Path(folder)])]


def over_photo(crop: npt.NDArray[Any], matrix: npt.NDArray[np.float64], photo: Photo) -> npt.NDArray[np.float32]:
    """(H, W, ...) float32: a crop of (S, S, ...) enlarged to where it lies on the photo."""
    size = (photo.shape[1], photo.shape[0])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(crop.astype(np.float32), matrix, size, flags=flags))


def measured(photo: Photo, result: Photo, weights: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Gradient energy of the inside over the photo's, and the mean colour shift at the rim in CIELAB."""
    inside = weights > INSIDE
    rim = (weights > RIM[0]) & (weights < RIM[1])
    before, after = to_lab(photo), to_lab(result)
    kept = energy(after[:, :, 0])[inside].mean() / energy(before[:, :, 0])[inside].mean()
    return float(kept), float(colour_difference(before[rim], after[rim]).mean())


def energy(lightness: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(H, W) squared gradient."""
    down, right = np.gradient(lightness)
    return np.asarray(down**2 + right**2)


if __name__ == "__main__":
    main(*sys.argv[1:])
