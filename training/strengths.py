"""How strong the changes of every age group should be: the weakest that reach the age and pass for real pictures.

Weaker changes leave more of the person. What is chosen here is chosen on faces that neither the generator nor the
final evaluation sees. The estimator among the judges may have learnt from them: it then reads real faces better than
outputs, and asks for a little more strength than other faces would.
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.ages import AgeGroups
from core.errors import DataBroken
from core.files import write_atomic
from training import metrics
from training.bars import FRECHET_RATIO, MEAN_AGE_YEARS
from training.contender import Contender, contender, unfiled
from training.data import FaceSet, Place
from training.evaluate import observation_settings
from training.frechet import RealPictures
from training.judgement import JudgeFigures, judge_figures
from training.likeness import likeness_figures
from training.material import Panel
from training.metrics import Figure
from training.observations import observe, spread
from training.observed import Observed, clear
from training.sections import number, share
from training.state import load_average

WITHIN_ONE_GROUP_RATIO = 0.94
"""So many of a group's outputs must be judged within one group, over the share of real faces: some more than is
demanded of a release, as other faces give other figures."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What one judge reads at one strength, a value a target group."""

    judge: str
    difference_years: tuple[float, ...]
    """Mean judged age of the outputs, less that of real faces of the group."""
    within_one_group_ratio: tuple[Figure, ...]
    """Share of outputs judged within one group of the target, over that of real faces; None where no real one is."""

    def miss(self, group: int) -> float:
        """How far outputs for the group are from looking their age, by whichever is further off: up to 1 they do."""
        off, ratio = abs(self.difference_years[group]) / MEAN_AGE_YEARS, self.within_one_group_ratio[group]
        if ratio is None:
            return off
        return max(off, WITHIN_ONE_GROUP_RATIO / ratio if ratio > 0 else math.inf)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What one strength of all changes gives."""

    strength: float
    read: tuple[Read, ...]
    """One for each judge."""
    above_bound: tuple[float, ...]
    """Share of outputs above the different-person bound, a value a target group."""
    frechet_ratio: tuple[Figure, ...]
    """Frechet distance of outputs to real pictures of the group, over that of other real ones; None if not measured."""

    def miss(self, group: int) -> float:
        """How far outputs for the group are from looking their age to every judge, and from being as near to real
        pictures as is demanded of a release, by what is furthest off: up to 1 all is well. What was not measured does
        not count."""
        return max(*(read.miss(group) for read in self.read), (self.frechet_ratio[group] or 0.0) / FRECHET_RATIO)


def balanced(places: Sequence[Place], groups: AgeGroups, per_group: int) -> list[Place]:
    """Up to `per_group` faces of every group, evenly spread over those of the group; one group after the other.

    Raises DataBroken for a group without faces: there would be nothing to hold its outputs against.
    """
    own = metrics.groups_of(np.asarray([place.age_years for place in places]), groups)
    chosen: list[Place] = []
    for group, name in enumerate(groups.names):
        of_group = np.flatnonzero(own == group)
        if not len(of_group):
            raise DataBroken(f"no face of {name} years to choose strengths on; name other faces with --data")
        chosen += [places[of_group[number]] for number in spread(len(of_group), per_group)]
    return chosen


def try_strengths(
    run: Path, strengths: Sequence[float], faces: FaceSet, panel: Panel, pictures: RealPictures, out: Path
) -> tuple[Tried, ...]:
    """Age faces with a run's averaged generator at several strengths of its changes, and have them read.

    What was seen is kept in `out` until all are done, so that a killed trial goes on.

    Args:
        run: run folder.
        strengths: above 0, at most 3.
        faces: of the run's size, of every group.
        panel: its judges read ages, its pack compares input and output.
        pictures: real ones, for Frechet distances.
        out: folder.
    Raises:
        RunBroken: no run.
        ValueError: no strengths, two that are equal, or one out of range.
    """
    if not strengths or len(set(strengths)) != len(strengths):
        raise ValueError(f"name one or more different strengths to try, got {list(strengths)}")
    contenders = [contender(unfiled(load_average(run, (one,)), f"{one:g}")) for one in strengths]
    tried = tuple(
        _tried(one, strength, faces, panel, pictures, out) for one, strength in zip(contenders, strengths, strict=True)
    )
    clear(out)
    return tried


def _tried(
    contender: Contender, strength: float, faces: FaceSet, panel: Panel, pictures: RealPictures, out: Path
) -> Tried:
    observed = Observed(out, observation_settings(contender, faces.digest, panel))
    observed.say(f"strength {strength:g}")
    seen = observe(contender, faces, panel.judges, panel.pack, observed)
    likeness = likeness_figures(seen, panel.pack.identity)
    return Tried(
        strength=strength,
        read=tuple(_read(judge_figures(seen, number)) for number in range(len(panel.judges))),
        above_bound=tuple(_number(one) for one in likeness.above_bound_by_target),
        frechet_ratio=pictures.figures(seen, panel.pack.identity).ratios(),
    )


def _read(judged: JudgeFigures) -> Read:
    within = zip(judged.within_one_group_by_target, judged.within_one_group_real_by_target, strict=True)
    return Read(
        judge=judged.judge,
        difference_years=tuple(_number(one) for one in judged.difference_years),
        within_one_group_ratio=tuple(metrics.quotient(made, real) for made, real in within),
    )


def choose(tried: Sequence[Tried]) -> tuple[float, ...]:
    """A strength for every group: the weakest at which its outputs look their age to every judge and are near to real
    pictures; where none does, the one that comes nearest, the weaker of equals."""
    from_weakest = sorted(tried, key=lambda one: one.strength)
    chosen = []
    for group in range(len(from_weakest[0].above_bound)):
        reaching = [one for one in from_weakest if one.miss(group) <= 1]
        best = reaching[0] if reaching else min(from_weakest, key=lambda one: one.miss(group))
        chosen.append(best.strength)
    return tuple(chosen)


def write_choice(tried: Sequence[Tried], chosen: Sequence[float], groups: AgeGroups, out: Path) -> str:
    """Write strengths.json and strengths.md, and give the latter's text."""
    written = {"chosen": list(chosen), "groups": groups.names, "tried": [dataclasses.asdict(one) for one in tried]}
    write_atomic(out / "strengths.json", (json.dumps(written, indent=2, allow_nan=False) + "\n").encode())
    text = as_markdown(tried, chosen, groups)
    write_atomic(out / "strengths.md", text.encode())
    return text


def as_markdown(tried: Sequence[Tried], chosen: Sequence[float], groups: AgeGroups) -> str:
    """A table: a row a group, a column a strength; what was chosen is bold."""
    from_weakest = sorted(tried, key=lambda one: one.strength)
    lines = [
        "Each cell: years between the mean judged age of outputs and that of real faces; share judged within one",
        "group, over that of real faces; share above the different-person bound; Frechet distance over that of real",
        f"pictures. The first two as each judge reads them: {', '.join(read.judge for read in from_weakest[0].read)}.",
        "",
        "| target | " + " | ".join(f"{one.strength:g}" for one in from_weakest) + " |",
        "|---" * (1 + len(from_weakest)) + "|",
    ]
    for group, name in enumerate(groups.names):
        cells = []
        for one in from_weakest:
            years = ", ".join(f"{read.difference_years[group]:+.1f}" for read in one.read)
            within = ", ".join(share(read.within_one_group_ratio[group], 0) for read in one.read)
            cell = f"{years}; {within}; {one.above_bound[group]:.0%}; {number(one.frechet_ratio[group])}"
            cells.append(f"**{cell}**" if one.strength == chosen[group] else cell)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _number(figure: float | None) -> float:
    """A figure that cannot be missing, as every group has faces. A share over a share of nothing counts as nothing."""
    return 0.0 if figure is None else figure
