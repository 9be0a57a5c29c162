"""`python -m core transform` on a clip, as a process."""

import json
import subprocess
import sys
from pathlib import Path

from core.clips import Clip
from tests.make_clip import clip, loudness_at, moving_face

ROOT = Path(__file__).resolve().parents[2]


def test_a_clip_is_aged_from_the_command_line(tmp_path: Path) -> None:
    path, out = tmp_path / "party.mp4", tmp_path / "out"
    path.write_bytes(clip(moving_face(5), sound_s=0.5))
    command = [sys.executable, "-m", "core", "transform", str(path), "--ages", "70", "--out", str(out)]
    done = subprocess.run([*command, "--pack", "embedded"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["frames_aged"] == 5 and 15 < told["present_age_years"] < 60
    made = Clip((out / "party-video" / "70.mp4").read_bytes())
    sound = made.sound()
    assert len(list(made.frames())) == 5 and sound is not None and loudness_at(sound.samples) > 0.9
