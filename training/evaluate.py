"""How well a generator ages faces it never saw: figures, and a contact sheet to look at.

Every eval face is brought to the typical age of every group and to its own age. An outside judge reads the
ages and sexes, a recogniser compares input and output. Nothing is random; the same inputs give the same bits.
"""

import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core import device as compute_device
from core.ages import AgeGroups
from core.align import UTKFACE
from core.detect import Face, FacePack
from core.errors import DataBroken
from core.files import write_atomic
from core.generator import Generator, age_code
from core.identity import cosine
from core.images import encode_png, to_tensor, to_uint8
from training.data import FaceSet, load_faces
from training.judge import AgeSexJudge

BATCH = 10


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What an evaluation finds. Shares and correlations are 0..1, ages in years."""

    model: str
    weights_sha256: str
    """Of all weights as float32, in the order of their names."""
    data_sha256: str
    judge: str
    recogniser: str
    num_faces: int
    num_outputs: int
    target_groups: tuple[str, ...]
    spearman: float
    """Rank correlation of target age and judged age over all outputs."""
    spearman_real: float
    """The same of labelled and judged age over the real faces."""
    within_one_group: float
    """Share of outputs judged in the target group or one beside it."""
    within_one_group_real: float
    judged_mean_years: tuple[float, ...]
    """Mean judged age of the outputs for each target group."""
    judged_mean_years_real: tuple[float, ...]
    """Mean judged age of the real faces of each group."""
    cosine: float
    """Mean cosine of recogniser embeddings of input and output."""
    cosine_by_target: tuple[float, ...]
    own_age_psnr_db: float
    """Mean over faces of the peak signal-to-noise ratio of the output at the labelled age."""
    present_age_mae_years: float
    """Mean absolute error of the generator's own reading of the input's age."""
    sex_kept: float
    """Share of outputs from 15 years up whose judged sex is the input's, where the judge is sure of that."""


def evaluate(
    network: Generator,
    name: str,
    data: Path,
    judge: AgeSexJudge,
    pack: FacePack,
    out: Path,
    *,
    max_faces: int | None = None,
) -> Figures:
    """Judge a generator on labelled faces in UTKFace framing; writes figures.json, figures.md and sheet.png.

    Raises DataBroken for bad data.
    """
    groups = network.groups
    size = network.config.size_px
    faces = load_faces((data,), size, min_age_years=groups.first_years[0])
    if max_faces is not None:
        faces = faces.spread(max_faces)
    points = _points_of(faces, pack, size)
    compute = compute_device.choose("cpu", "float32")  # the reference: fast paths differ from machine to machine
    compute.place(network)
    targets, own, present, psnr = _outputs(network, faces, compute)

    judged = np.empty(targets.shape[:2])
    women = np.empty(targets.shape[:2])
    cosines = np.empty(targets.shape[:2])
    real_judged, real_women = judge.read(faces.faces, points)
    for number in _progress(len(faces)):
        repeated = np.repeat(points[number : number + 1], len(groups), axis=0)
        judged[number], women[number] = judge.read(targets[number], repeated)
        before = pack.embed(faces.faces[number], _face(points[number], pack, size))
        for target in range(len(groups)):
            after = pack.embed(targets[number, target], _face(points[number], pack, size))
            cosines[number, target] = cosine(before, after)

    readings = _Readings(
        groups=groups, faces=faces, real_judged=real_judged, judged=judged, real_women=real_women, women=women
    )
    found = Figures(
        model=name,
        weights_sha256=weights_digest(network),
        data_sha256=hashlib.sha256(data.read_bytes()).hexdigest(),
        judge=judge.name,
        recogniser=pack.identity,
        num_faces=len(faces),
        num_outputs=int(judged.size),
        target_groups=groups.names,
        cosine=float(cosines.mean()),
        cosine_by_target=tuple(float(value) for value in cosines.mean(0)),
        own_age_psnr_db=float(psnr.mean()),
        present_age_mae_years=float(np.abs(present - faces.ages_years).mean()),
        spearman=readings.spearman(),
        spearman_real=readings.spearman_real(),
        within_one_group=readings.within_one_group(),
        within_one_group_real=readings.within_one_group_real(),
        judged_mean_years=tuple(float(mean) for mean in judged.mean(0)),
        judged_mean_years_real=readings.judged_mean_years_real(),
        sex_kept=readings.sex_kept(),
    )
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / "figures.json", (json.dumps(dataclasses.asdict(found), indent=2) + "\n").encode())
    write_atomic(out / "figures.md", as_markdown(found).encode())
    write_atomic(out / "sheet.png", encode_png(_sheet(faces, own, targets, groups)))
    return found


def weights_digest(network: Generator) -> str:
    """sha256 over names and float32 values of all weights; the same for a run and what is exported in fp32."""
    digest = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        digest.update(key.encode() + value.float().contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


def as_markdown(figures: Figures) -> str:
    """The figures as a page: a row a target group, then the means."""
    rows = zip(
        figures.target_groups,
        figures.judged_mean_years,
        figures.judged_mean_years_real,
        figures.cosine_by_target,
        strict=True,
    )
    lines = [
        f"# {figures.model} on {figures.num_faces} faces, {figures.num_outputs} outputs",
        "",
        f"Judge: {figures.judge}; recogniser: {figures.recogniser}; weights sha256 {figures.weights_sha256[:16]}.",
        "",
        "| target group | judged age, outputs | judged age, real faces | cosine to input |",
        "|---|---|---|---|",
        *(f"| {name} | {made:.1f} | {real:.1f} | {cosine:.3f} |" for name, made, real, cosine in rows),
        "",
        "| figure | outputs | real faces |",
        "|---|---|---|",
        f"| Spearman, target and judged age | {figures.spearman:.3f} | {figures.spearman_real:.3f} |",
        f"| judged within one group of the target | {figures.within_one_group:.1%} "
        f"| {figures.within_one_group_real:.1%} |",
        f"| cosine of input and output | {figures.cosine:.3f} | |",
        f"| own-age reconstruction, PSNR | {figures.own_age_psnr_db:.1f} dB | |",
        f"| judged sex kept (15 years and up, judge sure) | {figures.sex_kept:.1%} | |",
        f"| present age read by the encoder, mean error | | {figures.present_age_mae_years:.1f} years |",
        "",
    ]
    return "\n".join(lines)


def _points_of(faces: FaceSet, pack: FacePack, size_px: int) -> npt.NDArray[np.float64]:
    """(N, 5, 2) "arcface5": the pack's where it finds the face, else where the framing puts them."""
    if pack.convention != "arcface5":
        raise DataBroken(f"the judge needs arcface5 points, {pack.name} gives {pack.convention}")
    template = UTKFACE.template("arcface5", size_px)
    found = []
    for face in faces.faces:
        detected = pack.detect(face)
        near = detected and np.linalg.norm(detected[0].points - template, axis=1).mean() < 0.15 * size_px
        found.append(detected[0].points if near else template)
    return np.stack(found)


def _face(points: npt.NDArray[np.float64], pack: FacePack, size_px: int) -> Face:
    return Face(box=(0, 0, size_px, size_px), points=points, convention=pack.convention, score=1.0)


def _outputs(
    network: Generator, faces: FaceSet, compute: compute_device.Compute
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(N, groups, S, S, 3) at the targets, (N, S, S, 3) at the own age, (N,) present ages, (N,) PSNR in dB."""
    groups = network.groups
    targets, own, present, psnr = [], [], [], []
    for start in range(0, len(faces), BATCH):
        chunk = slice(start, start + BATCH)
        pictures = compute.move(to_tensor(faces.faces[chunk]))
        count = len(pictures)
        with torch.inference_mode(), compute_device.autocast(compute):
            encoding = network.encode(pictures)
            code = compute.move(age_code(groups, list(groups.typical_years) * count))
            repeated = pictures.repeat_interleave(len(groups), dim=0)
            made = network.decode(repeated, encoding.repeat(len(groups)), code)[0]
            own_code = compute.move(age_code(groups, faces.ages_years[chunk]))
            back = network.decode(pictures, encoding, own_code)[0].clamp(-1, 1)
        error = (back - pictures).square().mean((1, 2, 3)).double().clamp(min=1e-8)
        psnr.append((10 * torch.log10(4 / error)).cpu().numpy())
        targets.append(to_uint8(made).reshape(count, len(groups), *faces.faces.shape[1:]))
        own.append(to_uint8(back))
        present.append(encoding.present_age_years().cpu().double().numpy())
    return np.concatenate(targets), np.concatenate(own), np.concatenate(present), np.concatenate(psnr)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Readings:
    """What the judge read: N faces, G target groups."""

    groups: AgeGroups
    faces: FaceSet
    real_judged: npt.NDArray[np.float64]
    """(N,) years."""
    judged: npt.NDArray[np.float64]
    """(N, G) years."""
    real_women: npt.NDArray[np.float64]
    """(N,) 0..1."""
    women: npt.NDArray[np.float64]
    """(N, G) 0..1."""

    def group_of(self, years: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
        """Group numbers of ages; younger than the youngest group counts as the youngest."""
        floor = self.groups.first_years[0]
        of = np.vectorize(lambda value: self.groups.index_of(max(float(value), floor)), otypes=[np.int64])
        return np.asarray(of(years))

    def spearman(self) -> float:
        from scipy.stats import spearmanr

        asked_years = np.broadcast_to(self.groups.typical_years, self.judged.shape)
        return float(spearmanr(asked_years.ravel(), self.judged.ravel()).statistic)

    def spearman_real(self) -> float:
        from scipy.stats import spearmanr

        return float(spearmanr(self.faces.ages_years, self.real_judged).statistic)

    def within_one_group(self) -> float:
        return float((np.abs(self.group_of(self.judged) - np.arange(len(self.groups))) <= 1).mean())

    def within_one_group_real(self) -> float:
        return float((np.abs(self.group_of(self.real_judged) - self.group_of(self.faces.ages_years)) <= 1).mean())

    def judged_mean_years_real(self) -> tuple[float, ...]:
        labelled = self.group_of(self.faces.ages_years)
        means = []
        for group in range(len(self.groups)):
            of_group = self.real_judged[labelled == group]
            means.append(float(of_group.mean()) if len(of_group) else float("nan"))
        return tuple(means)

    def sex_kept(self) -> float:
        adult = np.asarray(self.groups.typical_years) >= 15
        sure = np.abs(self.real_women - 0.5) > 0.4
        same = (self.women > 0.5) == (self.real_women > 0.5)[:, None]
        kept = same[sure][:, adult]
        return float(kept.mean()) if kept.size else float("nan")


def _sheet(
    faces: FaceSet, own: npt.NDArray[np.uint8], targets: npt.NDArray[np.uint8], groups: AgeGroups
) -> npt.NDArray[np.uint8]:
    """Twelve faces spread over the data, a row each: input, own age, every target group."""
    from core.sheet import contact_sheet

    rows = np.linspace(0, len(faces) - 1, min(12, len(faces))).astype(int)
    tiles, captions = [], []
    for row in rows:
        tiles += [faces.faces[row], own[row], *targets[row]]
        captions += [f"input, {faces.ages_years[row]}", "own age", *groups.names]
    return contact_sheet(tiles, captions, columns=2 + len(groups), tile_px=faces.faces.shape[1])


def _progress(count: int) -> Iterator[int]:
    """0..count-1, with a line on stderr now and then."""
    for number in range(count):
        if number % 50 == 0:
            print(f"judged {number} of {count} faces", file=sys.stderr, flush=True)  # noqa: T201
        yield number
