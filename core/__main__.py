"""Command line of core: python -m core transform | estimate-age | verify | inspect | models | import-reference."""

import dataclasses
import json
import logging
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Literal

import tyro

from core.errors import BadClip, BadImage, CafError, NoFace


def transform(
    photos: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    model: str = "",
    groups: Literal["10", "4"] | None = None,
    ages: str | None = None,
    face: str = "largest",
    video: bool = False,
    pack: str = "auto",
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    from_record: Path | None = None,
) -> int:
    """Bring the faces of photos and of short videos to target ages.

    Args:
        photos: Photos, folders of photos, or videos (MP4, MOV, WebM), in which the most prominent face is followed.
        out: Folder for the results; one folder a photo.
        model: Name of a model, or a .safetensors file; by default the one for --groups.
        groups: All ages of the ten- or the four-group model.
        ages: Ages in years instead of groups, such as 5,25,63.
        face: "largest", "all", or a number: 0 is the largest.
        video: Also a film through the ages and back (MP4).
        pack: Face pack: auto, embedded, or insightface:NAME_OR_FOLDER.
        device: auto, cpu or cuda.
        precision: auto takes whichever is faster here.
        from_record: A record.json: make its pictures again from their photo; all other options but --out and
            --device are then the record's.
    """
    if not photos:
        raise ValueError("name at least one photo or folder")
    from core.provenance import own_signer

    own_signer()  # a key that cannot be used is said before anything is made
    if from_record is not None:
        return _again(from_record, photos, out, device)
    ages_years = None if ages is None else _years(ages)
    from core import device as compute_device
    from core.age_reader import bundled_reader
    from core.aging import FaceAger
    from core.clip_transform import CLIP_SUFFIXES, transform_clips
    from core.detect import open_pack
    from core.transform import Order, photos_in, transform_photos
    from core.weights import default_model, load

    order = Order(ages_years=ages_years, face=face, video=video)
    clips = [path for path in photos if path.suffix.lower() in CLIP_SUFFIXES and path.is_file()]
    found = photos_in([path for path in photos if path not in clips])
    loaded = load(model or default_model(groups or "10").name)
    if groups is not None and loaded.info.is_generator and loaded.info.groups != groups:
        raise ValueError(f"{loaded.info.name} has {loaded.info.groups} groups, not {groups}")
    compute = compute_device.choose(device, precision)
    ager = FaceAger(loaded, open_pack(pack), compute, bundled_reader(compute))
    started: set[str] = set()
    failed = False
    work = chain(transform_photos(ager, found, order, out), transform_clips(ager, clips, ages_years, out))
    for outcome in work:
        started.add(outcome["photo"])
        failed = failed or "error" in outcome
        print(json.dumps(outcome), flush=True)
        result = outcome.get("error") or ("done before" if "skipped" in outcome else "done")
        total = len(found) + len(clips)
        print(f"photo {len(started)} of {total}, {outcome['photo']}: {result}", file=sys.stderr)
    return 1 if failed else 0


def estimate_age(
    folder: tyro.conf.Positional[Path],
    out: Path,
    model: str = "",
    face: Literal["largest", "all"] = "largest",
    pack: str = "auto",
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
) -> int:
    """Read how old the faces in a folder of photos look, into a CSV: age, 80 % interval, age group.

    Args:
        folder: Folder of photos; folders within it count too.
        out: CSV to write. A run that was broken off goes on from it.
        model: Name of an age estimator, or a .safetensors file; by default the bundled one.
        face: "largest" or "all" faces of a photo.
        pack: Face pack: auto, embedded, or insightface:NAME_OR_FOLDER.
        device: auto, cpu or cuda.
        precision: auto takes whichever is faster here.
    """
    from core import device as compute_device
    from core.age_reader import AgeReader
    from core.detect import open_pack
    from core.estimate import estimate_ages, photos_within
    from core.weights import default_estimator, load

    num_photos = len(photos_within(folder))
    loaded = load(model or default_estimator().name)
    reader = AgeReader(loaded, compute_device.choose(device, precision))
    failed = False
    for number, outcome in enumerate(estimate_ages(reader, open_pack(pack), folder, out, face), 1):
        failed = failed or outcome.has_failed
        for row in outcome.rows:
            print(json.dumps(row), flush=True)
            result = row["error"] or "{age_years} years ({low_years} to {high_years})".format(**row)
            before = "" if outcome.is_new else ", done before"
            print(f"photo {number} of {num_photos}, {row['file']}: {result}{before}", file=sys.stderr)
    return 1 if failed else 0


def verify(
    photos: tyro.conf.Positional[tuple[Path, Path]],
    ages: tuple[float, float] | None = None,
    pack: str = "auto",
    table: Path | None = None,
    rate: float = 0.001,
) -> int:
    """Say whether the largest faces of two photos are one person: by a threshold for their ages, and by one for all.

    Args:
        photos: Two photos.
        ages: Ages in years on the two; read from the faces if not given.
        pack: Face pack: auto, embedded, or insightface:NAME_OR_FOLDER.
        table: Threshold table of the pack's recogniser, as cafdata calibrate makes it; by default a bundled one.
        rate: Rate of false accepts of the bundled table: 0.01, 0.001 or 0.0001.
    """
    from core import device as compute_device
    from core.age_reader import AgeReader
    from core.aging import NO_FACE
    from core.detect import open_pack
    from core.images import read_photo
    from core.thresholds import digest_of, read_table, require_recogniser, table_of
    from core.verification import verify as compare
    from core.weights import default_estimator, load

    opened = open_pack(pack)
    chosen = table_of(opened, rate) if table is None else read_table(table)
    require_recogniser(chosen, opened.identity, digest_of(opened))
    reader = None if ages else AgeReader(load(default_estimator().name), compute_device.choose())
    embeddings, read_years = [], []
    for path in photos:
        photo = read_photo(path)
        faces = opened.detect(photo)
        if not faces:
            raise NoFace(f"{path}: {NO_FACE}")
        embeddings.append(opened.embed(photo, faces[0]))
        if reader is not None:
            read_years.append(reader.read(photo, faces[:1])[0].years)
    seen = compare(embeddings[0], embeddings[1], ages or (read_years[0], read_years[1]), chosen)
    figures = {"gap_years": seen.gap_years, "threshold": seen.threshold, "percentile": seen.percentile}
    verdicts = {"passes_rectified": seen.passes_rectified, "passes_one_size": seen.passes_one_size}
    print(json.dumps({**dataclasses.asdict(seen), **figures, **verdicts, "sentence": seen.sentence}))
    return 0


def inspect(files: tyro.conf.Positional[tuple[Path, ...]], anchors: Path | None = None) -> int:
    """Say which marks pictures and films carry: label, watermark, signed provenance (C2PA), one JSON object a line.

    Args:
        files: JPEG, PNG, GIF, WebP, BMP or TIFF pictures, or MP4 films.
        anchors: PEM file of certificates whose word on who signed is trusted; without it nobody's is.
    """
    if not files:
        raise ValueError("name at least one file")
    from core.inspection import inspect as look

    anchors_pem = b"" if anchors is None else anchors.read_bytes()
    failed = False
    for file in files:
        try:
            told = {"file": str(file), **dataclasses.asdict(look(file, anchors_pem))}
        except (BadImage, BadClip) as error:
            told, failed = {"file": str(file), "error": str(error)}, True
        print(json.dumps(told), flush=True)
    return 1 if failed else 0


def models() -> int:
    """List the models that are here, one JSON object a line."""
    from core.weights import list_models

    for info in list_models():
        print(json.dumps(dataclasses.asdict(info), default=str))
    return 0


def import_reference(checkpoint: tyro.conf.Positional[Path], out: Path) -> int:
    """Turn a released AgeTransGAN checkpoint (.pt), generator or age estimator, into a safetensors model.

    Args:
        checkpoint: The .pt file; what in it is not plain weights is refused, not run.
        out: Folder for the model.
    """
    from core.checkpoints import import_reference as bring_in

    print(json.dumps(dataclasses.asdict(bring_in(checkpoint, out)), default=str))
    return 0


def _again(record: Path, photos: tuple[Path, ...], out: Path, device: str) -> int:
    """The pictures of a record, from the one photo it is of."""
    from core.images import read_photo
    from core.rerun import rerun

    if len(photos) != 1:
        raise ValueError(f"a record is of one photo, {len(photos)} are named")
    made = rerun(record, read_photo(photos[0]), out, device=device)
    print(json.dumps({"photo": str(photos[0]), "folder": str(out), "files": [path.name for path in made]}))
    return 0


def _years(text: str) -> tuple[float, ...]:
    """Ages from "5,25,63"; ValueError names the part that is no age."""
    ages = []
    for part in text.split(","):
        try:
            ages.append(float(part))
        except ValueError:
            raise ValueError(f"--ages wants years such as 5,25,63; {part.strip()!r} is no age") from None
    return tuple(ages)


def main() -> None:
    """Parse, run, and turn a known error into one line on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    commands: dict[str, Callable[..., int]] = {
        "transform": transform,
        "estimate-age": estimate_age,
        "verify": verify,
        "inspect": inspect,
        "models": models,
        "import-reference": import_reference,
    }
    try:
        code: int = tyro.extras.subcommand_cli_from_dict(commands, prog="python -m core")
    except (CafError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped; what is written stays, and the same command goes on from there", file=sys.stderr)
        sys.exit(130)
    sys.exit(code)


if __name__ == "__main__":
    main()
