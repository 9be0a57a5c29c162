"""An evaluation for people: sections of tables, and sheets of faces."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.ages import AgeGroups
from core.images import Photo, resize
from core.sheet import contact_sheet
from training.bars import bars
from training.figures import Figures
from training.judgement import JudgeFigures
from training.metrics import Figure
from training.observations import Observations, spread
from training.rectified_report import missing_section, rectified_section
from training.sections import Section, Table, number, share, signed, table, to_markdown

VERDICTS = {True: "reached", False: "**not reached**", None: "not measured"}
SHEET_ROWS = 12
"""Single faces on the sheet of all groups."""
SHEET_TILE_PX = 256
"""Side of a face on it, at most."""
PAIRS_IN_A_ROW = 5
"""Faces with their outputs beside each other on the sheet of one group."""


def as_markdown(figures: Figures) -> str:
    """The figures as a page: the bars, then a table a subject."""
    return f"# {title(figures)}\n\n{to_markdown(sections(figures))}"


def title(figures: Figures) -> str:
    """Which model, on how much."""
    return f"{figures.model} on {figures.num_faces} faces, {figures.num_outputs} outputs"


def sections(figures: Figures) -> tuple[Section, ...]:
    """Who judged what and the bars, then a section a subject."""
    judges = ", ".join(judge.judge for judge in figures.judges)
    head = (
        f"Judges: {judges}; recogniser: {figures.likeness.recogniser}; "
        f"weights sha256 {figures.weights_sha256[:16]}. Real: the same reading of real faces of the group."
    )
    return (
        Section(title="", blocks=(head, _bars(figures))),
        *(_judge(judge, figures.target_groups) for judge in figures.judges),
        _likeness(figures),
        missing_section(figures.why_not_rectified or "")
        if figures.rectified is None
        else rectified_section(figures.rectified),
        _frechet(figures),
        _what_should_stay(figures),
        _slices(figures),
        _inputs(figures),
    )


def _bars(figures: Figures) -> Table:
    rows = [(bar.name, bar.demand, bar.found, VERDICTS[bar.is_reached]) for bar in bars(figures)]
    return table(("bar", "demand", "found", ""), rows)


def _judge(judge: JudgeFigures, names: Sequence[str]) -> Section:
    columns = (
        names,
        map(number, judge.judged_mean_years),
        map(number, judge.judged_mean_years_real),
        map(signed, judge.difference_years),
        map(number, judge.picture_error_years_by_target),
        map(number, judge.picture_error_years_real_by_target),
        map(share, judge.within_one_group_by_target),
        map(share, judge.within_one_group_real_by_target),
        map(share, judge.sex_kept_by_target),
    )
    head = ("target group", "mean judged age", "real", "difference", "off per picture", "real", "within one group",
            "real", "sex kept")  # fmt: skip
    men, women = judge.sex_kept_by_input_sex
    whole = [
        ("mean error, years: mean size of the differences of group means", number(judge.mean_error_years), "", ""),
        ("mean distance of each picture from its target, years", number(judge.picture_error_years), "", ""),
        ("Spearman, target and judged age", number(judge.spearman, 3), number(judge.spearman_real, 3), ""),
        (
            "judged within one group of the target",
            share(judge.within_one_group),
            share(judge.within_one_group_real),
            share(judge.within_one_group_ratio),
        ),
        (
            "the same over gaps of three groups and more",
            share(judge.far_within_one_group),
            share(judge.far_within_one_group_real),
            share(judge.far_within_one_group_ratio),
        ),
        (
            f"judged sex kept, targets from 15 years up; {judge.num_sure} inputs of sure sex, judged male; female",
            f"{share(judge.sex_kept)}; {share(men)}; {share(women)}",
            "",
            "",
        ),
        (
            f"the same of the {judge.num_right} of them that the judge reads as labelled",
            share(judge.sex_kept_where_right),
            "",
            "",
        ),
    ]
    return Section(
        title=judge.judge,
        blocks=(
            table(head, zip(*columns, strict=True)),
            table(("figure", "outputs", "real", "ratio"), whole),
        ),
    )


def _likeness(figures: Figures) -> Section:
    found = figures.likeness
    columns = (
        figures.target_groups,
        (number(value, 3) for value in found.cosine_by_target),
        map(share, found.above_bound_by_target),
        map(share, found.genuine_above_bound_by_target),
        map(share, found.genuine_rate_published_by_target),
        map(share, found.below_band_by_target),
        map(share, found.inside_band_by_target),
        map(share, found.above_band_by_target),
    )
    head = (
        "target group",
        "cosine to input",
        "above the bound",
        "real pairs above it",
        "real pairs, published",
        "below the band",
        "in it",
        "above it",
    )
    unknown = "different inputs; famous people may be among them twice, so it may lie too high"
    who = "different people" if found.are_strangers else unknown
    return Section(
        title=f"Identity ({found.recogniser})",
        blocks=(
            f"Bound: {number(found.different_person_bound, 3)}, the 99.9th percentile of {found.num_pairs} pairs of "
            f"{who}. Real pairs above it: of the same age gaps, were cosines spread as published for ArcFace. "
            "Published: real pairs of 20-29 and the target at Face++'s thresholds. Band: the published ArcFace cosines "
            "of real pairs, one deviation to each side; 68 % of real pairs lie in it.",
            table(head, zip(*columns, strict=True)),
            f"Mean cosine {number(found.cosine, 3)}; "
            f"above the bound, targets from 10 years up: {share(found.above_bound)}.",
        ),
    )


def _frechet(figures: Figures) -> Section:
    found = figures.frechet
    columns = (
        figures.target_groups,
        (number(value, 3) for value in found.outputs),
        (number(value, 3) for value in found.real),
        map(str, found.num_pictures),
    )
    return Section(
        title=f"Frechet distance to real pictures of the group ({found.features})",
        blocks=(
            "Real: what as many real pictures get, for samples so small are far from nothing.",
            table(("target group", "outputs", "real", "pictures"), zip(*columns, strict=True)),
        ),
    )


def _what_should_stay(figures: Figures) -> Section:
    beside = figures.surroundings
    unknown: tuple[Figure, ...] = (None,) * len(figures.target_groups)
    columns = (
        figures.target_groups,
        map(number, figures.skin_change_by_target),
        (share(value) for value in figures.point_drift_by_target),
        map(number, beside.psnr_db_by_target if beside else unknown),
    )
    photos = (
        f"beside the face after paste-back, {beside.num_photos} photos: mean {number(beside.psnr_db)} dB, "
        f"lowest {number(beside.lowest_psnr_db)} dB"
        if beside
        else "beside the face: no photos given"
    )
    return Section(
        title="What should stay",
        blocks=(
            f"Own-age reconstruction: {number(figures.own_age_psnr_db)} dB; {photos}. Present age read by the encoder: "
            f"{number(figures.present_age_mae_years)} years off on average.",
            table(
                ("target group", "skin tone, CIE76", "points moved, of eye distance", "beside the face, dB"),
                zip(*columns, strict=True),
            ),
        ),
    )


def _slices(figures: Figures) -> Section:
    rows = []
    for part in figures.slices:
        for found in part.judges:
            rows.append(
                (
                    part.name,
                    str(part.num_faces),
                    found.judge,
                    f"{share(found.within_one_group)} ({share(found.within_one_group_real)})",
                    f"{number(found.error_years)} ({number(found.error_years_real)})",
                    share(found.sex_kept),
                    number(part.cosine, 3),
                    number(part.skin_change),
                )
            )
    head = ("slice", "faces", "judge", "within one group", "years off", "sex kept", "cosine", "skin tone")
    return Section(title="Slices by label (real faces in brackets)", blocks=(table(head, rows),))


def _inputs(figures: Figures) -> Section:
    rows = [(one.role, one.name, one.sha256) for one in figures.inputs]
    rows.append(("model", f"{figures.model}, framing {figures.framing}", figures.weights_sha256))
    if figures.rectified is not None:
        used = figures.rectified.table
        rows.append(("thresholds", f"{used.recogniser}, version {used.version}", used.sha256))
    return Section(title="What the figures depend on", blocks=(table(("", "name", "sha256"), rows),))


def sheets_by_target(seen: Observations) -> dict[str, Photo]:
    """For each target group all faces that are shown, the youngest first, each left of its output.

    Large enough that a dark socket or a blotch is seen, so many that its rate can be counted.
    """
    faces, shown = seen.faces, seen.shown
    side = shown.own.shape[1]
    order = np.argsort(faces.ages_years[list(shown.rows)], kind="stable")
    found = {}
    for group, name in enumerate(seen.groups.names):
        tiles, captions = [], []
        for count, place in enumerate(order, start=1):
            row = shown.rows[place]
            tiles += [resize(faces.faces[row], side, side), shown.targets[place, group]]
            captions += [f"{count}: {faces.ages_years[row]}", f"{seen.made[0].ages_years[row, group]:.0f}"]
        heading = f"Each face, its number and age, and at {name} with the age that {seen.judges[0]} reads"
        columns = 2 * PAIRS_IN_A_ROW
        found[name] = contact_sheet(tiles, captions, columns=columns, tile_px=max(64, side), title=heading)
    return found


def sheet(seen: Observations) -> Photo:
    """Mean outputs above mean real faces of each group, then a row a face: input, own age, every target group.

    Under each output what the first judge takes it for.
    """
    faces, groups, shown = seen.faces, seen.groups, seen.shown
    blank = np.full_like(faces.faces[0], 255)
    tiles: list[npt.NDArray[np.uint8]] = [_mean_face(faces.faces), blank, *shown.mean_targets]
    captions = [f"mean of {len(faces)}", "", *(f"{name}: mean output" for name in groups.names)]
    tiles += [blank, blank, *_mean_faces(seen)]
    captions += ["", "", *(f"{name}: mean real" for name in groups.names)]
    for place in spread(len(shown.rows), SHEET_ROWS):
        row = shown.rows[place]
        tiles += [faces.faces[row], shown.own[place], *shown.targets[place]]
        captions += [f"input, {faces.ages_years[row]}", "own age", *_judged(seen, row, groups)]
    tile_px = max(64, min(SHEET_TILE_PX, faces.faces.shape[1]))
    return contact_sheet(tiles, captions, columns=2 + len(groups), tile_px=tile_px)


def _judged(seen: Observations, row: int, groups: AgeGroups) -> list[str]:
    ages = seen.made[0].ages_years[row]
    return [f"{name}: {years:.0f}" for name, years in zip(groups.names, ages, strict=True)]


def _mean_face(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Mean of (N, S, S, 3); white if there are none."""
    if not len(faces):
        return np.full(faces.shape[1:], 255, dtype=np.uint8)
    return np.asarray(faces.mean(0).round(), dtype=np.uint8)


def _mean_faces(seen: Observations) -> list[npt.NDArray[np.uint8]]:
    return [_mean_face(seen.faces.faces[seen.own_groups == group]) for group in range(len(seen.groups))]
