"""Command line of cafdata: python -m cafdata COMMAND."""

import json
import logging
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import tyro

from cafdata import archive_commands
from core.errors import CafError


def import_folder(
    layout: tyro.conf.Positional[str],
    folder: tyro.conf.Positional[Path],
    archive: tyro.conf.Positional[Path],
    licence: str | None = None,
    drop: bool = False,
) -> int:
    """Read a folder of labelled faces into an archive: all of it or nothing. Run it again after a break.

    Args:
        layout: caf, fgnet, utkface, utkface-pack, agedb, cacd, morph or ffhq-aging.
        folder: The folder as it was published.
        archive: Archive, new or already there.
        licence: Licence of the pictures, such as CC-BY-4.0; what is known of the layout's terms if not given.
        drop: Leave out pictures and rows that cannot be used, and count them.
    """
    import dataclasses

    from cafdata.readers.importing import import_folder as run_import

    outcome = run_import(layout, folder, archive, licence=licence, drop=drop, report=_to_stderr)
    print(json.dumps(dataclasses.asdict(outcome)))
    return 0


def summary(archive: tyro.conf.Positional[Path], out: Path | None = None) -> int:
    """Count what an archive holds: people and pictures by age group, gaps, licences, and a heat map of it.

    Args:
        archive: Archive folder.
        out: Folder for summary.json, summary.md and coverage.png, if they are wanted.
    """
    from cafdata.archive import Archive
    from cafdata.summary import summarise
    from cafdata.summary_report import write_summary

    found = summarise(Archive(archive).records())
    for path in [] if out is None else write_summary(found, out):
        _to_stderr(str(path))
    print(json.dumps(found.as_json(), ensure_ascii=False))
    return 0


def card(archive: tyro.conf.Positional[Path]) -> int:
    """Write the dataset card: README.md with every section, croissant.json and the heat map. What you wrote stays.

    Args:
        archive: Archive folder.
    """
    import dataclasses

    from cafdata.archive import Archive
    from cafdata.card import write_card

    report = write_card(Archive(archive))
    for title in report.to_be_written:
        _to_stderr(f"to be written by you: {title}")
    print(json.dumps(dataclasses.asdict(report)))
    return 0


def sample(
    out: Path | None = None, faces: tuple[Path, ...] = (), model: str = "agetrans-128-10", threads: int = 2
) -> int:
    """Make the bundled sample of twenty synthetic people anew, aged by a model; its card and splits too.

    Args:
        out: Archive folder instead of the bundled one.
        faces: Parquet files of UTKFace to make new composites from, about 20 minutes; else those in --out are used.
        model: Name of the generator, or its .safetensors file.
        threads: CPU threads.
    """
    import torch

    from cafdata.archive import Archive
    from cafdata.composites import make_composites
    from cafdata.sample import CAST, SAMPLE, bring_back, make_sample, people_in, people_of
    from core.age_reader import bundled_reader
    from core.aging import FaceAger
    from core.detect import open_pack
    from core.device import choose
    from core.weights import load

    torch.set_num_threads(threads)
    folder = out or SAMPLE
    bring_back(folder)
    pack, compute = open_pack("embedded"), choose("cpu", "float32")
    ager = FaceAger(load(model), pack, compute, bundled_reader(compute))
    made = people_of(make_composites(faces, CAST, pack, _to_stderr)) if faces else people_in(Archive(folder))
    count = make_sample(folder, made, ager, _to_stderr)
    print(json.dumps({"archive": str(folder), "pictures": count}))
    return 0


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def calibrate(
    sources: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    pack: str = "auto",
    layout: str = "people",
    per_group: int | None = None,
    scores: Path | None = None,
    mapping: Path | None = None,
    recogniser: str = "",
    scale: Literal["cosine", "0..100"] = "0..100",
    title: str = "",
    working: Path | None = None,
    max_pairs: int = 1_000_000,
    draws: int = 1000,
    seed: int = 0,
) -> int:
    """Make threshold tables of a recogniser: a table for each false-accept rate of 0.01, 0.001 and 0.0001.

    Args:
        sources: A folder of PERSON/NAME_AGE.jpg, an archive, or Parquet files with age, jpeg or image, and person.
        out: Folder for the tables.
        pack: Face pack whose recogniser is calibrated: auto, embedded, or insightface:NAME_OR_FOLDER.
        layout: How a folder is laid out: people, or caf, fgnet, utkface, agedb, cacd, morph, ffhq-aging.
        per_group: At most so many faces of each age group, spread evenly; all without it.
        scores: Recorded scores (CSV) instead of pictures.
        mapping: For scores of Face++'s form: CSV of filename, person_a, person_b, age_a, age_b.
        recogniser: Whose the recorded scores are; it names the tables.
        scale: Of the recorded scores.
        title: What the pictures are, for the table.
        working: Folder for embeddings while they are computed, outside any archive; by default OUT/working.
        max_pairs: Pairs of a cell and kind at most; more are sampled.
        draws: Draws of people behind the bands.
        seed: Fixes the sample and the draws.
    """
    if bool(sources) == (scores is not None):
        raise ValueError("name either pictures or --scores")
    from cafdata.calibrating import PictureOrder, calibrate_pictures, calibrate_scores
    from cafdata.calibration import Settings

    settings = Settings(max_pairs=max_pairs, num_draws=draws, seed=seed)
    of_scores: dict[str, object] = {"--mapping": mapping, "--recogniser": recogniser or None}
    of_pictures: dict[str, object] = {
        "--per-group": per_group,
        "--title": title or None,
        "--working": working,
        "--layout": None if layout == "people" else layout,
    }
    misplaced = [
        option for option, value in (of_scores if scores is None else of_pictures).items() if value is not None
    ]
    if misplaced:
        what = "recorded --scores" if scores is None else "pictures"
        raise ValueError(f"{', '.join(misplaced)}: only with {what}; leave it out")
    given: dict[str, object] = {"--draws": draws, "--seed": seed}
    if scores is None:
        given |= {"--layout": layout, "--per-group": per_group, "--max-pairs": max_pairs, "--pack": pack}
        given |= {"--title": title or None}
    else:
        given |= {"--scores": scores, "--scale": scale, **of_scores}
    words = [str(word) for pair in given.items() if pair[1] is not None for word in pair]
    made_with = shlex.join(["python", "-m", "cafdata", "calibrate", *map(str, sources), *words, "--out", "FOLDER"])
    if scores is not None:
        written = calibrate_scores(scores, mapping, recogniser, scale, out, settings, made_with)
    else:
        from core.detect import open_pack

        folder = working or out / "working"
        order = PictureOrder(sources=sources, layout=layout, per_group=per_group, working=folder)
        title = title or f"pictures in {', '.join(source.resolve().name for source in sources)}"
        written = calibrate_pictures(order, open_pack(pack), out, settings, title, made_with)
    for path in written:
        print(json.dumps({"file": str(path)}))
    return 0


def published(out: Path | None = None) -> int:
    """Print what each published threshold, and each that published statistics lead to, implies.

    Args:
        out: Folder to write these tables to.
    """
    from cafdata.calibration import RATES
    from cafdata.published_tables import published_tables

    for name, table in published_tables(RATES):
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            table.write(out / name)
        for cell in table.cells:
            rates = {"false_accept_rate": cell.false_accept_rate, "genuine_rate": cell.genuine_rate}
            print(json.dumps({"table": name, "cell": cell.name, "threshold": cell.threshold, **rates}))
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "verify": archive_commands.verify,
    "splits": archive_commands.splits,
    "takedown": archive_commands.takedown,
    "export": archive_commands.export,
    "queue": archive_commands.queue,
    "requests": archive_commands.requests,
    "calibrate": calibrate,
    "published": published,
    "card": card,
    "import": import_folder,
    "sample": sample,
    "summary": summary,
}
"""Name of a command -> what it does; it returns the exit status."""


def main() -> None:
    """Parse, run, and turn a known error into one line on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        code: int = tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="python -m cafdata")
    except (CafError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped; what was finished is kept, and the same command goes on or begins again", file=sys.stderr)
        sys.exit(130)
    sys.exit(code)


if __name__ == "__main__":
    main()
