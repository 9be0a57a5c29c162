"""The whole of curation in a minute: a site on this machine, a recipe, an archive. Nobody on it ever lived.

python -m tests.example --out example      # keeps the recipe, the archive and the report in that folder
python -m tests.example                    # in a temporary folder, which goes afterwards (--keep keeps it)
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.loopback_run import QUIET, ROOT, command, unmet, write_recipe
from tests.wikimedia_site import WikimediaSite, serving

NUM_PICTURES = 170
"""Before anything is planted, pictures of children among them."""
SHOWN = 8
MARK = "# Written by tests/example.py; the site that it names is gone when the example ends.\n"


def say(line: str = "") -> None:
    """A line for the reader."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def place_for(out: Path) -> None:
    """Make an empty folder; an earlier example in it goes.

    Raises:
        SystemExit: it holds something else.
    """
    if out.exists() and any(out.iterdir()):
        recipe = out / "recipe.toml"
        if not recipe.is_file() or not recipe.read_text().startswith(MARK):
            sys.exit(f"error: {out} holds something that is no example; name another folder with --out")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)


def run_example(out: Path, num_pictures: int) -> int:
    """Serve, collect, tell. Gives back the exit status."""
    begun_s = time.monotonic()
    with serving(num_pictures=num_pictures) as site:
        site.prepare()
        recipe = write_recipe(out, site, shard_pictures=64, engine="workers = 2")
        recipe.write_text(MARK + recipe.read_text())
        say(f"A site with {len(site.world.people)} people and {len(site.world.files)} files answers on 127.0.0.1.")
        say(f"Collecting it: python -m curation run {recipe}")
        done = subprocess.run(command(recipe), cwd=ROOT, env=os.environ | QUIET, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            say(f"The run failed with status {done.returncode}.")
            return 1
        outcome = json.loads(done.stdout)
        faults = unmet(site, out / "archive", out / "archive.work")
        for line in told(site, outcome, out, time.monotonic() - begun_s):
            say(line)
        if max(site.sent.values()) > 1:
            faults.append("a picture was fetched twice")
    if faults:
        say(f"{len(faults)} things are not as they should be:")
        for fault in faults[:SHOWN]:
            say(f"  {fault}")
        return 1
    planted = sum(1 for truth in site.truth.values() if truth.plant not in ("", "childhood"))
    say(f"All {planted} pictures with something wrong were caught; each that was kept has its person and its age.")
    return 0


def told(site: WikimediaSite, outcome: Mapping[str, Any], out: Path, seconds: float) -> Iterator[str]:
    """What happened, in sentences."""
    yield ""
    yield f"Done in {seconds:.0f} s."
    yield f"{outcome['listed']} pictures were named. Left out while listing, without fetching them:"
    yield from reasons(outcome["dropped_while_listing"])
    yield f"{outcome['candidates']} were asked for. Left out afterwards:"
    yield from reasons(outcome["dropped"])
    yield f"{outcome['held_for_review']} wait until somebody has looked at them ({outcome['questions']} questions)."
    yield f"{outcome['kept']} pictures of {outcome['people']} people are in the archive."
    most, at_once = max(site.sent.values()), max(site.most_at_once.values())
    yield f"No picture was fetched more than {times(most)}, no host asked for more than {at_once} at a time."
    yield ""
    yield f"report    {out / 'archive.work' / 'report.html'}"
    yield f"archive   {out / 'archive'}"
    yield f'load it   datasets.load_dataset({str(out / "archive")!r}, "pictures")'
    yield ""


def times(count: int) -> str:
    """ "once", "2 times"."""
    return "once" if count == 1 else f"{count} times"


def reasons(drops: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Counts by reason, a line each."""
    found = [(count, stage, reason) for stage, counts in drops.items() for reason, count in counts.items()]
    for count, stage, reason in sorted(found, key=lambda one: (-one[0], one[1:])):
        yield f"  {count:5} {reason} ({stage})"


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description="Collect a small archive from a site on this machine.")
    parser.add_argument("--out", type=Path, help="folder for everything; a temporary one if not named")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    parser.add_argument("--pictures", type=int, default=NUM_PICTURES, help="on the site, before anything is planted")
    said = parser.parse_args()
    if said.out is not None:
        place_for(said.out)
        sys.exit(run_example(said.out.absolute(), said.pictures))
    folder = Path(tempfile.mkdtemp(prefix="caf-example-"))
    try:
        status = run_example(folder, said.pictures)
    finally:
        if not said.keep:
            shutil.rmtree(folder)
    sys.exit(status)


if __name__ == "__main__":
    main()
