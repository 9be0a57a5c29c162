"""A clip of the astronaut brought to 70: how long each part takes a frame, and how much the result flickers.

The clip sways, comes nearer and tilts by a motion that is known, with the grain of a camera and an encoder's losses.
Frame by frame means what ageing a photo does, for each frame by itself: face found, age read, change carried back.
Both results are measured along the true motion (core/flicker.py), before they are encoded: an encoder's losses differ
from frame to frame, whatever it is given.
"""

import os
import platform
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

SIZE_PX = (640, 480)
FPS, SECONDS = 25, 3
GRAIN = 4.0
"""Standard deviation, grey levels."""
YEARS = 70.0

T = TypeVar("T")


def ended(steps: Generator[object, None, T]) -> T:
    """Run a generator to its end; what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            value: T = done.value
            return value


def main() -> None:
    """Age the clip both ways and print the figures, `name value unit` last."""
    import numpy as np
    import skimage.data
    import torch

    from core.age_reader import bundled_reader
    from core.aging import FaceAger
    from core.align import Photo, apply
    from core.clip_aging import ClipAger
    from core.clips import Clip, Frame
    from core.detect import open_pack
    from core.device import choose
    from core.flicker import CROP_PX, FlickerMeter
    from core.weights import default_model, load
    from tests.make_clip import clip, motion, moving_face

    torch.set_num_threads(2)
    compute = choose()
    ager = FaceAger(load(default_model("10").name), open_pack("embedded"), compute, bundled_reader(compute))
    whole, count = ClipAger(ager), FPS * SECONDS
    data = clip(moving_face(count, SIZE_PX, FPS, GRAIN), fps=FPS, sound_s=SECONDS, bit_rate=4_000_000)
    given = Clip(data)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, 2 threads; {compute.reason}")
    print(f"{count} frames of {SIZE_PX[0]} x {SIZE_PX[1]}, {FPS} a second")

    def flicker(pairs: Iterable[tuple[Frame, Photo]]) -> float:
        meter = FlickerMeter()
        for frame, photo in pairs:
            points = apply(motion(frame.time_s, SIZE_PX), face.points)
            meter.add(frame.photo, photo, ager.framing.matrix(points, face.convention, CROP_PX))
        return meter.value

    face = ager.find_faces(np.ascontiguousarray(skimage.data.astronaut()))[0]
    marks = [time.perf_counter()]
    given.copy()
    marks.append(time.perf_counter())
    person = ended(whole.follow(given))
    marks.append(time.perf_counter())
    age = whole.present_age(given, person)
    with TemporaryDirectory() as folder:
        outcome = ended(whole.age(given, person, age, YEARS, Path(folder) / "aged.mp4"))
    marks.append(time.perf_counter())
    steadied = flicker(whole.pictures(given, person, age, YEARS, (FlickerMeter(), FlickerMeter())))
    each = ((one, ager.transform(one.photo, ages_years=[YEARS]).results[0].photo) for one in given.frames())
    by_itself = flicker(each)

    copied, followed, aged = (1000 * took / count for took in np.diff(marks))
    print(f"aged {outcome.num_aged} of {outcome.num_frames} frames")
    for line in (
        f"video_copy_a_frame {copied:.1f} ms",
        f"video_follow_a_frame {followed:.1f} ms",
        f"video_age_a_frame {aged:.1f} ms",
        f"video_flicker {steadied:.3f} levels",
        f"video_flicker_frame_by_frame {by_itself:.3f} levels",
        f"video_flicker_ratio {steadied / by_itself:.2f} times",
        f"video_flicker_ratio_as_the_page_says {outcome.flicker / outcome.flicker_unsteadied:.2f} times",
    ):
        print(line)


if __name__ == "__main__":
    main()
