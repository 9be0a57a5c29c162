"""Clips in, folders out: every age, a record, nothing done twice, what fails told and passed over."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from core.aging import FaceAger
from core.clip_transform import transform_clips
from core.clips import Clip
from core.detect import open_pack
from core.device import choose
from core.generator import Generator, GeneratorConfig
from core.provenance import read
from core.weights import LoadedModel
from tests.make_clip import clip, moving_face
from tests.models import info_of


@pytest.fixture(scope="module")
def ager() -> FaceAger:
    torch.manual_seed(0)
    network = Generator(
        GeneratorConfig(
            size_px=32, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16, groups="10"
        )
    )
    return FaceAger(
        LoadedModel(info=info_of(network), network=network), open_pack("embedded"), choose("cpu", "float32")
    )


def test_a_clip_becomes_a_folder_and_is_not_done_twice(ager: FaceAger, tmp_path: Path) -> None:
    path, out = tmp_path / "party.mp4", tmp_path / "out"
    path.write_bytes(clip(moving_face(3), sound_s=0.3))
    [told] = transform_clips(ager, [path], (5.0, 70.0), out)
    folder = out / "party-video"
    assert told["folder"] == str(folder) and told["frames"] == told["frames_aged"] == 3
    assert sorted(file.name for file in folder.iterdir()) == ["5.mp4", "70.mp4", "record.json"]
    assert len(list(Clip((folder / "70.mp4").read_bytes()).frames())) == 3
    record = json.loads((folder / "record.json").read_text())
    assert record["ages_years"] == [5.0, 70.0] and record["model"] == "drawn-at-random"

    [again] = transform_clips(ager, [path], (5.0, 70.0), out)
    assert again == {"photo": str(path), "folder": str(folder), "skipped": True}
    (folder / "5.mp4").unlink()
    [mended] = transform_clips(ager, [path], (5.0,), out)
    assert "skipped" not in mended and (folder / "5.mp4").is_file()


def test_what_cannot_be_used_is_told_and_the_rest_goes_on(ager: FaceAger, tmp_path: Path) -> None:
    bad, empty, good = tmp_path / "bad.mp4", tmp_path / "empty.mp4", tmp_path / "more" / "bad.mp4"
    good.parent.mkdir()
    bad.write_bytes(b"no clip")
    empty.write_bytes(clip([np.full((240, 320, 3), 128, np.uint8)] * 3))
    good.write_bytes(clip(moving_face(3)))
    told = list(transform_clips(ager, [bad, empty, good], (70.0,), tmp_path / "out"))
    assert "not a video" in told[0]["error"] and "No face" in told[1]["error"]
    assert told[2]["folder"] == str(tmp_path / "out" / "bad-video-2")
    with pytest.raises(ValueError, match="0 to 120"):
        list(transform_clips(ager, [good], (200.0,), tmp_path / "out"))


def test_other_clips_and_other_ages_leave_nothing_behind(ager: FaceAger, tmp_path: Path) -> None:
    one, other, out = tmp_path / "party.mp4", tmp_path / "more" / "party.mp4", tmp_path / "out"
    other.parent.mkdir()
    one.write_bytes(clip(moving_face(2)))
    other.write_bytes(clip(moving_face(3)))
    list(transform_clips(ager, [one], (5.0, 70.0), out))
    [told] = transform_clips(ager, [other], (70.0,), out)
    assert told["folder"] == str(out / "party-video-2"), "the first clip keeps its folder"
    [again] = transform_clips(ager, [one], (5.0, 70.0), out)
    assert again["skipped"]
    list(transform_clips(ager, [one], (70.0,), out))
    assert sorted(file.name for file in (out / "party-video").iterdir()) == ["70.mp4", "record.json"]


def test_a_run_that_was_broken_off_is_not_taken_for_done(ager: FaceAger, tmp_path: Path) -> None:
    path, out = tmp_path / "party.mp4", tmp_path / "out"
    path.write_bytes(clip(moving_face(2)))
    list(transform_clips(ager, [path], (70.0,), out))
    record = out / "party-video" / "record.json"
    record.write_text(record.read_text().replace('"is_complete": true', '"is_complete": false'))
    [told] = transform_clips(ager, [path], (70.0,), out)
    assert told["frames"] == 2


def test_a_film_lies_under_its_name_only_signed(ager: FaceAger, tmp_path: Path) -> None:
    path, out, seen = tmp_path / "party.mp4", tmp_path / "out", []
    path.write_bytes(clip(moving_face(2)))
    film, is_over = out / "party-video" / "70.mp4", threading.Event()

    def watch() -> None:
        while not seen and not is_over.is_set():
            if film.exists():
                seen.append(film.read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    list(transform_clips(ager, [path], (70.0,), out))
    is_over.set()
    watcher.join()
    told = read((seen or [film.read_bytes()])[0], "video/mp4")
    assert told is not None and told.is_valid and told.made is not None and told.made.ages == ("70",)
    assert sorted(file.name for file in film.parent.iterdir()) == ["70.mp4", "record.json"]


@pytest.mark.parametrize("told", ["age_estimator", "age_estimator_sha256", "precision"])
def test_a_clip_made_by_other_means_is_made_again(ager: FaceAger, tmp_path: Path, told: str) -> None:
    path, out = tmp_path / "party.mp4", tmp_path / "out"
    path.write_bytes(clip(moving_face(2)))
    list(transform_clips(ager, [path], (70.0,), out))
    record = out / "party-video" / "record.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), told: "another"}))
    [again] = transform_clips(ager, [path], (70.0,), out)
    assert again.get("frames") == 2
    assert json.loads(record.read_text())[told] in (None, "float32")


def test_a_clip_that_cannot_be_opened_is_told_and_the_rest_goes_on(ager: FaceAger, tmp_path: Path) -> None:
    good = tmp_path / "good.mp4"
    good.write_bytes(clip(moving_face(2)))
    told = list(transform_clips(ager, [tmp_path / "gone.mp4", good], (70.0,), tmp_path / "out"))
    assert "gone.mp4 cannot be read" in told[0]["error"] and told[1]["frames"] == 2
