"""How well generators age faces they never saw: figures, and sheets of faces to look at.

Every eval face is brought to the typical age of every group and to its own age. Outside judges read the ages and
sexes, a recogniser compares input and output. Random splits are seeded; the same inputs give the same bits, also
where an evaluation was killed and taken up again.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from core.files import write_atomic
from core.images import encode_jpeg, encode_png, read_photo
from training.comparison import compare, write_comparison
from training.contender import Contender
from training.figures import Figures, slice_figures
from training.judgement import judge_figures
from training.likeness import likeness_figures
from training.material import Material, Panel, Yardsticks
from training.metrics import by_target, finite, mean
from training.observations import BATCH, NUM_FOLLOWED, NUM_SHOWN, SHOWN_PX, Observations, observe
from training.observed import Observed, clear
from training.page import Shown, page
from training.report import as_markdown, sheet, sheets_by_target
from training.surroundings import surroundings_figures


def evaluate(contender: Contender, material: Material, panel: Panel, out: Path) -> Figures:
    """Judge one generator: figures, sheets of faces, report.html. Raises DataBroken for bad data."""
    return evaluate_all((contender,), material, panel, out)[0]


def evaluate_all(contenders: Sequence[Contender], material: Material, panel: Panel, out: Path) -> tuple[Figures, ...]:
    """Judge generators, each into a folder of its name in `out`; a single one into `out` itself.

    One report.html shows all; of several, comparison.json and comparison.md are written too.

    Raises:
        DataBroken: as `evaluate`.
        ValueError: none, or two of one name.
    """
    names = [contender.info.name for contender in contenders]
    twice = next((name for name in names if names.count(name) > 1), None)
    if not names or twice is not None:
        raise ValueError("name a model to evaluate" if not names else f"two models are called {twice}")
    beside = Yardsticks(material, panel)
    folders = [out / name for name in names] if len(names) > 1 else [out]
    found = []
    for one, folder in zip(contenders, folders, strict=True):
        faces = material.load(one.faces_px, one.groups.first_years[0], panel.pack)
        # In one place for all of them: those that were done are not seen again if a later one is killed.
        observed = Observed(out, observation_settings(one, faces.digest, panel))
        seen = observe(one, faces, panel.judges, panel.pack, observed)
        found.append(figures_of(one, seen, material, panel, beside))
        write_figures(found[-1], seen, folder)
    if len(found) > 1:
        write_comparison(compare(found), out)
    shown = [
        Shown(figures=figures, sheet_jpeg=encode_jpeg(read_photo(folder / "sheet.png"), quality=88))
        for figures, folder in zip(found, folders, strict=True)
    ]
    write_atomic(out / "report.html", page(shown).encode())
    clear(out)
    return tuple(found)


def figures_of(
    contender: Contender, seen: Observations, material: Material, panel: Panel, beside: Yardsticks
) -> Figures:
    """What was seen of one generator, in figures."""
    groups, judges, pack, faces = contender.groups, panel.judges, panel.pack, seen.faces
    photos, inputs = material.load_photos(), (*material.inputs(), *panel.inputs())
    return Figures(
        model=contender.info.name,
        weights_sha256=contender.weights_sha256,
        framing=contender.info.framing,
        inputs=inputs,
        data_sha256=inputs[0].sha256,
        num_faces=len(faces),
        num_outputs=len(faces) * len(groups),
        target_groups=groups.names,
        judges=tuple(judge_figures(seen, judge) for judge in range(len(judges))),
        likeness=likeness_figures(seen, pack.identity),
        rectified=beside.rectified(seen),
        why_not_rectified=None if panel.table else panel.why_no_table,
        frechet=beside.pictures.figures(seen, pack.identity),
        surroundings=surroundings_figures(contender.ager(pack), photos) if photos else None,
        own_age_psnr_db=finite(mean(seen.own_age_psnr_db)),
        present_age_mae_years=finite(mean(np.abs(seen.present_years - faces.ages_years))),
        skin_change_by_target=by_target(seen.skin_change),
        point_drift_by_target=by_target(seen.point_drift),
        num_followed=len(seen.point_drift),
        slices=slice_figures(seen),
    )


def write_figures(found: Figures, seen: Observations, out: Path) -> None:
    """Write figures.json, figures.md, sheet.png and, for each target group, a sheet in sheets/."""
    out.mkdir(parents=True, exist_ok=True)
    written = json.dumps(dataclasses.asdict(found), indent=2, allow_nan=False)
    write_atomic(out / "figures.json", (written + "\n").encode())
    write_atomic(out / "figures.md", as_markdown(found).encode())
    write_atomic(out / "sheet.png", encode_png(sheet(seen)))
    (out / "sheets").mkdir(exist_ok=True)
    for before in (out / "sheets").glob("*.png"):  # perhaps of other groups
        before.unlink()
    for name, faces in sheets_by_target(seen).items():
        write_atomic(out / "sheets" / f"{name}.png", encode_png(faces))


def observation_settings(contender: Contender, faces_digest: str, panel: Panel) -> dict[str, object]:
    """All that observations depend on; bits also depend on the number of threads and on torch."""
    info = contender.info
    return {
        "weights": contender.weights_sha256,
        "model": [info.architecture, info.groups, info.framing, info.size_px],
        "faces": faces_digest,
        "judges": [[judge.name, judge.sha256] for judge in panel.judges],
        "pack": [panel.pack.name, panel.recogniser_sha256],
        "counts": [BATCH, NUM_SHOWN, SHOWN_PX, NUM_FOLLOWED],
        "torch": [torch.__version__, torch.get_num_threads()],
    }
