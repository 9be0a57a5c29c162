"""The yardstick computes what the system computes, and the benchmark runs."""

import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.plain_reference import plain_forward
from tests.golden import code, drawn_reference, picture

ROOT = Path(__file__).resolve().parents[3]


def test_plain_way_and_ours_give_the_same_pictures() -> None:
    """Grouped, weight-modulated and tiled against activations scaled: 1e-4 of the standard deviation."""
    network = drawn_reference(32, 4)
    faces = torch.cat((picture(32), -picture(32)))
    codes = torch.cat((code("soft1_2_0.3", 4), code("hard0", 4)))
    with torch.inference_mode():
        plain = plain_forward(network, faces, codes)
        assert (network(faces, codes) - plain).abs().max() <= 1e-4 * plain.std()
        one = network(faces[:1], codes[:1])  # modulates weights, of which one picture has one set
        assert (one - plain[:1]).abs().max() <= 1e-4 * plain.std()


def test_benchmark_ends_with_name_value_unit_lines() -> None:
    command = [sys.executable, "-m", "benchmarks.generator", "--sizes", "32", "--rounds", "1", "--threads", "1"]
    done = subprocess.run(
        [*command, "--cases", "reference"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=300
    )
    last = [line.split() for line in done.stdout.splitlines()[-4:]]
    assert [(name, unit) for name, _, unit in last] == [
        ("ten_ages_32px_reference", "s"),
        ("ten_ages_32px_reference_cpu", "s"),
        ("ten_ages_32px_reference_gmac", "GMAC"),
        ("ten_ages_32px_reference_peak", "MiB"),
    ]
    assert all(float(value) > 0 for _, value, _ in last)
