"""What the marks cost, how little they are seen, and what of the watermark is left after what people do to pictures.

    time       label and watermark, and signing, of one picture at one and two megapixels; looking for the watermark
    seen       the least PSNR of a marked picture beside the labelled one
    left       the share in which the watermark is still found after each change, and in how many clean ones it is

Pictures are parts of the astronaut, resized, or those of a folder.
    python -m benchmarks.marking --photos ../shared/photos
"""

import argparse
import io
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut

from benchmarks.generator import processor
from core.images import Photo, encode_jpeg, encode_png, read_photo, resize
from core.marking import add_label, mark
from core.provenance import Made, signed
from core.transform import PICTURE_SUFFIXES
from core.watermark import MIN_SIDE_PX, detect

MADE = Made(model="agetrans-128-10", model_sha256="0" * 64, ages=("50-69",))


def saved_as(photo: Photo, kind: str, **options: object) -> Photo:
    """The picture out of a file of that kind."""
    target = io.BytesIO()
    Image.fromarray(photo).save(target, kind, **options)
    return np.array(Image.open(target).convert("RGB"))


def scaled(photo: Photo, share: float, how: Image.Resampling = Image.Resampling.BILINEAR) -> Photo:
    """The picture at a share of its size."""
    size = (int(photo.shape[1] * share), int(photo.shape[0] * share))
    return np.array(Image.fromarray(photo).resize(size, how))


def cut(photo: Photo, share: float) -> Photo:
    """The picture without that share of its width and height, half of it at either side."""
    down, across = (max(1, round(side * share / 2)) for side in photo.shape[:2])
    return np.ascontiguousarray(photo[down:-down, across:-across])


def jpeg(photo: Photo, quality: int = 75) -> Photo:
    """The picture out of a JPEG file as most programs write it."""
    return saved_as(photo, "JPEG", quality=quality)


CHANGES: dict[str, Callable[[Photo], Photo]] = {
    "none": lambda photo: photo,
    "jpeg_75": jpeg,
    "jpeg_50": lambda photo: jpeg(photo, 50),
    "half": lambda photo: scaled(photo, 0.5),
    "half_then_jpeg_75": lambda photo: jpeg(scaled(photo, 0.5)),
    "half_lanczos_then_jpeg_75": lambda photo: jpeg(scaled(photo, 0.5, Image.Resampling.LANCZOS)),
    "jpeg_75_then_half_then_jpeg_75": lambda photo: jpeg(scaled(jpeg(photo), 0.5)),
    "half_then_jpeg_50": lambda photo: jpeg(scaled(photo, 0.5), 50),
    "half_nearest": lambda photo: scaled(photo, 0.5, Image.Resampling.NEAREST),
    "quarter": lambda photo: scaled(photo, 0.25),
    "screen_125_percent_then_jpeg_75": lambda photo: jpeg(scaled(photo, 1.25)),
    "screen_70_percent_then_jpeg_75": lambda photo: jpeg(scaled(photo, 0.7)),
    "webp_75": lambda photo: saved_as(photo, "WEBP", quality=75),
    "gif": lambda photo: saved_as(photo, "GIF"),
    "mirrored": lambda photo: photo[:, ::-1],
    "turned_90_degrees": lambda photo: np.rot90(photo),
    "brighter_10_percent": lambda photo: np.clip(photo * 1.1, 0, 255).astype(np.uint8),
    "cut_2_px": lambda photo: np.ascontiguousarray(photo[1:-1, 1:-1]),
    "cut_5_percent": lambda photo: cut(photo, 0.05),
    "cut_10_percent": lambda photo: cut(photo, 0.10),
    "turned_1_degree": lambda photo: np.array(Image.fromarray(photo).rotate(1, Image.Resampling.BICUBIC)),
}


def pictures(folder: Path | None, count: int) -> list[Photo]:
    """Pictures that can carry the watermark."""
    if folder is not None:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        photos = [read_photo(path) for path in files[:count]]
        return [photo for photo in photos if min(photo.shape[:2]) >= MIN_SIDE_PX]
    whole, random, made = astronaut(), np.random.default_rng(0), []
    for number in range(count):
        side = int(random.integers(160, 512))
        top, left = (int(start) for start in random.integers(0, 512 - side, 2))
        part = np.ascontiguousarray(whole[top : top + side, left : left + side])
        made.append(resize(part, *[(256, 256), (512, 400), (1000, 1250)][number % 3]))
    return made


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Median of so many rounds, after one that is not counted."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> None:
    """Measure and print the figures, `name value unit` last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of pictures; by default parts of the astronaut")
    parser.add_argument("--count", type=int, default=60, help="pictures, at most")
    parser.add_argument("--rounds", type=int, default=7, help="times that each step is timed")
    args = parser.parse_args()
    print(f"Python {platform.python_version()}, {processor()}, {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}")
    lines = []
    for megapixels, (width_px, height_px) in ((1, (1000, 1000)), (2, (1600, 1250))):
        photo = resize(astronaut(), width_px, height_px)
        marked = mark(photo)
        png, shown = encode_png(marked), encode_jpeg(marked, 92)
        steps: dict[str, Callable[[], object]] = {
            "mark": lambda photo=photo: mark(photo),  # type: ignore[misc]
            "sign_png": lambda png=png: signed(png, ".png", MADE),  # type: ignore[misc]
            "sign_jpeg": lambda shown=shown: signed(shown, ".jpg", MADE),  # type: ignore[misc]
            "detect": lambda marked=marked: detect(marked),  # type: ignore[misc]
        }
        times = {name: milliseconds(work, args.rounds) for name, work in steps.items()}
        lines += [f"{name}_{megapixels}_mp {value:.1f} ms" for name, value in times.items()]
        lines.append(f"marks_and_signature_{megapixels}_mp {times['mark'] + times['sign_png']:.1f} ms")
    tile = encode_jpeg(mark(resize(astronaut(), 256, 256)), 92)
    lines.append(f"sign_ten_tiles {10 * milliseconds(lambda: signed(tile, '.jpg', MADE), args.rounds):.1f} ms")
    photos = pictures(args.photos, args.count)
    made = [mark(photo) for photo in photos]
    errors = [np.square(one.astype(float) - add_label(photo)).mean() for one, photo in zip(made, photos, strict=True)]
    lines.append(f"pictures {len(photos)} -")
    lines.append(f"psnr_least {10 * np.log10(255**2 / max(errors)):.1f} dB")
    lines.append(f"clean_called_marked {100 * np.mean([detect(photo).is_marked for photo in photos]):.1f} %")
    for name, change in CHANGES.items():
        found = [detect(change(photo)) for photo in made]
        lines.append(f"found_after_{name} {100 * np.mean([one.is_marked for one in found]):.1f} %")
        lines.append(f"score_after_{name} {statistics.median(one.score for one in found):.1f} -")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
