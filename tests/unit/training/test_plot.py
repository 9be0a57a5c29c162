"""Curves from loss logs: what is read, smoothed and drawn, and the sentence where there is nothing to draw."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import RunBroken
from core.images import decode_photo
from training.plot import SMOOTHING_REPORTS, Curve, draw, panels_of, plot, read_curves


def write_log(run: Path, count: int = 40, offset: float = 0.0) -> Path:
    run.mkdir(parents=True)
    lines = []
    for number in range(1, count + 1):
        line = {"step": 25 * number, "faces": 400 * number, "faces_per_s": 8.0, "d": 1 / number + offset}
        if number % 4 == 0:
            line |= {"years/20-29": 20.0 + number / 10, "years/70+": 50.0 + number / 2}
        lines.append(json.dumps(line) + "\n")
    (run / "losses.jsonl").write_text("".join(lines))
    return run


def test_curves_are_what_the_log_holds(tmp_path: Path) -> None:
    curves = read_curves(write_log(tmp_path / "a"))
    assert set(curves) == {"d", "faces_per_s", "years/20-29", "years/70+"}
    assert curves["d"].steps.tolist() == list(range(25, 1001, 25))
    assert curves["d"].values[1] == 0.5
    assert curves["years/70+"].steps.tolist() == list(range(100, 1001, 100))


def test_smoothing_takes_noise_out_and_keeps_a_line_of_its_own_height() -> None:
    steps = np.arange(100)
    flat = Curve(steps=steps, values=np.full(100, 3.0))
    assert np.allclose(flat.smooth(), 3.0), "the ends do not fall off"
    noise = np.random.default_rng(0).normal(size=100)
    assert np.std(Curve(steps=steps, values=noise).smooth()) < 2 * np.std(noise) / np.sqrt(SMOOTHING_REPORTS)
    broken = np.where(steps == 50, np.nan, 3.0)
    assert np.allclose(Curve(steps=steps, values=broken).smooth(), 3.0)
    assert Curve(steps=steps[:1], values=np.array([7.0])).smooth().tolist() == [7.0]


def test_names_with_a_group_share_a_panel_and_rates_come_last(tmp_path: Path) -> None:
    runs = {name: read_curves(write_log(tmp_path / name)) for name in ("a", "b")}
    assert panels_of(runs) == {"d": ["d"], "years": ["years/20-29", "years/70+"], "faces_per_s": ["faces_per_s"]}
    figure = draw(runs)
    titles = [axes.get_title() for axes in figure.axes if axes.get_visible()]
    assert titles == ["discriminator", "years read, by target group", "faces a second"]
    lines = figure.axes[0].lines
    assert [len(line.get_xdata()) for line in lines] == [40] * 4, "two runs, raw and smoothed"
    assert lines[0].get_color() != lines[2].get_color()
    assert {text.get_text() for text in figure.axes[1].texts} == {"20-29", "70+"}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_a_single_peak_does_not_flatten_all_else() -> None:
    values = np.r_[1e6, np.linspace(1, 2, 300)]
    figure = draw({"a": {"d": Curve(steps=np.arange(301), values=values)}})
    assert figure.axes[0].get_ylim()[1] < 3


@pytest.mark.parametrize("suffix", [".png", ".svg", ".html"])
def test_each_format_is_what_it_says(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / "new" / f"curves{suffix}"
    plot([write_log(tmp_path / "a"), write_log(tmp_path / "b" / "a", offset=1.0)], out)
    data = out.read_bytes()
    if suffix == ".png":
        picture = decode_photo(data)
        assert picture.shape[1] > 800 and picture.std() > 5
    else:
        assert data.startswith(b"<!doctype html>" if suffix == ".html" else b"<?xml")
        assert data.count(b"<svg") == 1 and data.rstrip().endswith(b"</svg>")


def test_what_cannot_be_drawn_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "curves.png"
    good = write_log(tmp_path / "good")
    bad = tmp_path / "bad"
    bad.mkdir()
    with pytest.raises(RunBroken, match=r"holds no losses\.jsonl"):
        plot([good, bad], out)
    (bad / "losses.jsonl").write_text("")
    with pytest.raises(RunBroken, match="no report"):
        plot([good, bad], out)
    (bad / "losses.jsonl").write_text('{"step": 25, "d": 1.0}\n{"step": 50, "d"\n')
    with pytest.raises(RunBroken, match="line 2 is damaged"):
        plot([good, bad], out)
    (bad / "losses.jsonl").write_text('{"step": 25, "d": "much"}\n')
    with pytest.raises(RunBroken, match="line 1: d is 'much'"):
        plot([good, bad], out)
    with pytest.raises(ValueError, match="ends in none of"):
        plot([good], tmp_path / "curves.gif")
    with pytest.raises(ValueError, match="at least one run"):
        plot([], out)
    assert not out.exists()


def test_the_command_takes_several_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from training.__main__ import main

    runs = [str(write_log(tmp_path / name, count=4)) for name in ("a", "b")]
    out = tmp_path / "curves.svg"
    monkeypatch.setattr("sys.argv", ["training", "plot", *runs, "--out", str(out)])
    main()
    assert json.loads(capsys.readouterr().out) == {"runs": runs, "out": str(out)}
    assert out.is_file()
    monkeypatch.setattr("sys.argv", ["training", "plot", str(tmp_path), "--out", str(out)])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.startswith("error: nothing to plot")
