"""Runs of `python -m curation` against the Wikimedia on loopback, and what they leave on the disk and ask for."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cafdata.archive import Archive
from cafdata.queue import ReviewQueue
from tests.wikimedia_site import WikimediaSite
from tests.wikimedia_world import Truth

ROOT = Path(__file__).resolve().parents[1]
QUIET = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def write_recipe(
    folder: Path, site: WikimediaSite, *, shard_pictures: int = 8, engine: str = "workers = 1", more: str = ""
) -> Path:
    """A recipe for everybody on a site, into `archive` beside it; `engine` and `more` are TOML."""
    people = json.dumps(list(site.world.people))
    places = "\n".join(f"{name} = {json.dumps(value)}" for name, value in site.settings.items())
    recipe = folder / "recipe.toml"
    recipe.write_text(
        f"""archive = "archive"
pack = "embedded"
shard_pictures = {shard_pictures}

[source.wikimedia]
people = {people}
{places}

[fetch]
contact = "tests@example.org"
min_delay_s = 0
allow_loopback = true
max_tries = 1
timeout_s = 20

[engine]
{engine}
{more}"""
    )
    return recipe


def command(recipe: Path, *options: str, verb: str = "run") -> list[str]:
    """The command line of a run."""
    return [sys.executable, "-m", "curation", verb, str(recipe), *options]


def curate(recipe: Path, *options: str, verb: str = "run") -> "subprocess.CompletedProcess[str]":
    """Run a command of curation to its end."""
    return subprocess.run(
        command(recipe, *options, verb=verb),
        cwd=ROOT, env=os.environ | QUIET, capture_output=True, text=True, timeout=400,
    )  # fmt: skip


def brought_up(recipe: Path, *options: str) -> dict[str, Any]:
    """Run a recipe, which must succeed. Gives back what it says."""
    done = curate(recipe, *options)
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def seen(working: Path) -> dict[str, dict[str, Any]]:
    """Rows of a working folder, by picture id."""
    paths = sorted((working / "seen").glob("*.parquet"))
    return {row["picture_id"]: row for path in paths for row in pq.read_table(path).to_pylist()}


def unmet(site: WikimediaSite, archive: Path, working: Path) -> list[str]:
    """What did not come out as the site's truth says it must, a line a picture; nothing after a good run."""
    kept = {record.picture_id: record for record in Archive(archive).records()}
    doubted = {name for item in ReviewQueue(archive).items() for name in item.picture_ids}
    rows = seen(working)
    faults = []
    for name, truth in site.truth.items():
        drop = rows[name]["drop"] if name in rows else None
        copies = {one.picture_id for one in site.truth.values() if one.of == name}
        is_met = {
            "source": name not in rows,
            "unlisted": name not in rows,
            "fetch": drop is not None and drop["stage"] == "fetch",
            "decode": drop is not None and drop["stage"] == "decode",
            "duplicate": not (name in kept and truth.of in kept),
            "review": name not in kept,
            "kept": name in kept or name in doubted or bool(copies & (set(kept) | doubted)),
        }[truth.outcome]
        if not is_met:
            faults.append(f"{name} ({truth.plant or 'nothing planted'}) should have been: {truth.outcome}")
    for name, record in kept.items():
        truth = site.truth[name]
        if record.person_id != truth.person_id or not _has_age(truth, record.age_min_years, record.age_max_years):
            faults.append(f"{name} is {truth.person_id} at {truth.age_years}, filed as {record}")
    return faults


def _has_age(truth: Truth, age_min_years: float, age_max_years: float) -> bool:
    return age_min_years < truth.age_years + 1 and age_max_years >= truth.age_years


def fingerprint(archive: Path) -> dict[str, str]:
    """SHA-256 of the manifest and of every shard, by name."""
    files = [archive / "manifest.json", *sorted((archive / "shards").iterdir())]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def drafts(folder: Path) -> list[Path]:
    """Files that were left half written."""
    return [path for path in folder.rglob("*") if path.name.endswith((".part", ".tmp"))]


def asked(site: WikimediaSite, *, pictures: bool = True) -> Counter[str]:
    """How often each picture was asked for; with `pictures=False` each question to an API."""
    api = f"127.0.0.1:{site.port}/"
    return Counter(
        {
            address: count
            for address, count in site.requests.items()
            if address.startswith(api) != pictures and not address.endswith("/robots.txt")
        }
    )
