"""Films are read back and compared with the frames that went in."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from core.clips import SOUND_HZ, Clip, Sound
from core.images import encode_gif, resize
from core.video import write_clip, write_mp4
from tests.honest_pictures import scene


def frames(count: int, height: int = 64, width: int = 96) -> list[np.ndarray]:
    whole = resize(scene(), width, height)
    return [np.roll(whole, 4 * index, axis=1) for index in range(count)]


def colours() -> np.ndarray:
    """(64, 96, 3): six fields of saturated and skin colours."""
    fields = [[200, 30, 30], [30, 180, 60], [40, 60, 200], [224, 172, 105], [128, 128, 128], [250, 250, 250]]
    row = np.repeat(np.array(fields, np.uint8), 16, axis=0)
    return np.tile(row, (64, 1, 1))


def test_mp4_gives_the_frames_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    shown = frames(12)
    write_mp4(iter(shown), path, fps=10)
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 10
        read = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(read) == 12
    for got, wanted in zip(read, shown, strict=True):
        assert np.abs(got.astype(int) - wanted).mean() < 8
    assert [entry.name for entry in tmp_path.iterdir()] == ["film.mp4"]


def test_mp4_colours_are_right_and_declared(tmp_path: Path) -> None:
    write_mp4([colours()] * 3, tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        context = film.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        frame = next(film.decode(video=0))
        plain = frame.to_ndarray(format="yuv420p")[:64].astype(float)
    # BT.709, limited range: Y = 16 + 219 (0.2126 R + 0.7152 G + 0.0722 B), ITU-R BT.709-6, items 3.2 and 3.4.
    wanted = 16 + 219 * (colours() / 255.0) @ [0.2126, 0.7152, 0.0722]
    middle = slice(4, 12)
    for field in range(6):
        columns = slice(16 * field + middle.start, 16 * field + middle.stop)
        assert abs(plain[:, columns].mean() - wanted[:, columns].mean()) < 2


def test_mp4_index_comes_first(tmp_path: Path) -> None:
    write_mp4(frames(3), tmp_path / "film.mp4")
    data = (tmp_path / "film.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(("height", "width"), [(63, 95), (64, 95), (33, 64)])
def test_odd_sizes_gain_a_line(tmp_path: Path, height: int, width: int) -> None:
    write_mp4(frames(2, height, width), tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        frame = next(film.decode(video=0)).to_ndarray(format="rgb24")
    assert frame.shape == (height + height % 2, width + width % 2, 3)


def test_impossible_films_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="none"):
        write_mp4([], path)
    with pytest.raises(ValueError, match=r"\(32, 96, 3\) after \(64, 96, 3\)"):
        write_mp4([*frames(2), *frames(1, 32)], path)
    with pytest.raises(ValueError, match="0"):
        write_mp4(frames(2), path, fps=0)
    with pytest.raises(TypeError, match="float64"):
        write_mp4([np.zeros((64, 96, 3))], path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["film.mp4"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        write_mp4(frames(2), tmp_path / "none" / "film.mp4")


def test_gif_is_written(tmp_path: Path) -> None:
    (tmp_path / "film.gif").write_bytes(encode_gif(frames(5), fps=10))
    with Image.open(tmp_path / "film.gif") as film:
        assert (film.n_frames, film.size, film.info["duration"]) == (5, (96, 64), 100)
        film.seek(4)
        error = np.abs(np.asarray(film.convert("RGB"), dtype=int) - frames(5)[4]).mean()
    assert error < 12


def test_a_clip_keeps_its_times_and_its_sound(tmp_path: Path) -> None:
    path, times_s = tmp_path / "clip.mp4", [0.0, 0.04, 0.5, 0.51]
    noise = np.random.default_rng(0).integers(-9000, 9000, (SOUND_HZ, 2)).astype(np.int16)
    noise[: SOUND_HZ // 2] = 0
    sound = Sound(start_s=-0.25, samples=noise)  # what is heard before the first frame goes
    assert list(write_clip(zip(times_s, frames(4), strict=True), path, 8, sound)) == [1, 2, 3, 4]
    made = Clip(path.read_bytes())
    assert [frame.time_s for frame in made.frames()] == pytest.approx(times_s, abs=1e-4)
    heard = made.sound()
    assert heard is not None
    loud = np.abs(heard.samples).max(axis=1) > 1000
    assert abs(float(np.argmax(loud)) / SOUND_HZ + heard.start_s - 0.25) < 0.03
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(("start_s", "num_samples"), [(-5.0, SOUND_HZ), (0.0, 0)], ids=["over before", "empty"])
def test_sound_of_which_nothing_is_heard_is_left_out(tmp_path: Path, start_s: float, num_samples: int) -> None:
    sound = Sound(start_s=start_s, samples=np.zeros((num_samples, 2), np.int16))
    list(write_clip(zip([0.0, 0.1], frames(2), strict=True), tmp_path / "clip.mp4", 10, sound))
    assert Clip((tmp_path / "clip.mp4").read_bytes()).sound() is None


def test_a_clip_that_is_not_finished_is_no_file(tmp_path: Path) -> None:
    steps = write_clip(zip([0.0, 0.1], frames(2), strict=True), tmp_path / "clip.mp4", 10)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="one after the other"):
        list(write_clip(zip([0.0, 0.0], frames(2), strict=True), tmp_path / "clip.mp4", 10))
