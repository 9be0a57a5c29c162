"""The curation run as a command, against a Wikimedia on loopback: what comes out, and what a second run makes of it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from cafdata.archive import Archive
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import Record
from cafdata.takedown import Request, takedown
from core.detect import open_pack
from core.images import decode_photo, encode_jpeg
from curation.faces import embed_kept
from curation.report import thumb
from tests.example import MARK
from tests.loopback_run import ROOT, asked, brought_up, curate, drafts, fingerprint, seen, unmet, write_recipe
from tests.wikimedia_site import WikimediaSite, serving
from tests.wikimedia_world import SiteFile

AT = "2026-01-02T03:04:05+00:00"


@pytest.fixture(scope="module")
def site() -> Iterator[WikimediaSite]:
    with serving(num_pictures=12) as running:
        running.prepare()
        yield running


@pytest.fixture(scope="module")
def finished(site: WikimediaSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and all that its run left; what the run said is in `said.json`."""
    folder = tmp_path_factory.mktemp("finished")
    said = brought_up(write_recipe(folder, site))
    (folder / "said.json").write_text(json.dumps(said))
    return folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """The same elsewhere; a recipe's folders lie beside it."""
    return Path(shutil.copytree(finished, tmp_path / "copied"))


def records(folder: Path) -> dict[str, Record]:
    return {record.picture_id: record for record in Archive(folder / "archive").records()}


def content(folder: Path) -> set[tuple[Record, bytes]]:
    """All that an archive holds, in no order."""
    return {(picture.record, picture.data) for picture in Archive(folder / "archive").pictures()}


def questions(folder: Path) -> tuple[ReviewItem, ...]:
    return ReviewQueue(folder / "archive").items()


def page_id(picture_id: str) -> int:
    return int(picture_id.removeprefix("wikimedia/M"))


def test_every_plant_meets_its_fate(site: WikimediaSite, finished: Path) -> None:
    kept, said = records(finished), json.loads((finished / "said.json").read_text())
    found = seen(finished / "archive.work")
    assert unmet(site, finished / "archive", finished / "archive.work") == []
    for record in kept.values():
        assert record.licence and record.author and record.source_url and record.split
    assert len(kept) == said["kept"] >= 5
    assert (
        said["candidates"]
        == len(found)
        == said["kept"] + said["held_for_review"] + sum(sum(reasons.values()) for reasons in said["dropped"].values())
    )
    told = Counter(truth.reason for truth in site.truth.values() if truth.outcome == "source")
    assert not told - Counter(said["dropped_while_listing"]["source"])
    assert list(Archive(finished / "archive").verify()) == []


def test_every_picture_was_asked_for_once(site: WikimediaSite, finished: Path) -> None:
    found = seen(finished / "archive.work")
    asked_for = {name for name in site.truth if site.times_fetched(name)}
    forbidden = {name for name, truth in site.truth.items() if truth.plant.startswith("robots")}
    assert asked_for == set(found) - forbidden
    assert max(site.sent.values()) == 1
    assert max(count for host, count in site.most_at_once.items() if host != "127.0.0.1") == 1


def test_the_same_command_again_does_nothing(site: WikimediaSite, copied: Path) -> None:
    before, made = site.requests.copy(), fingerprint(copied / "archive")
    assert brought_up(copied / "recipe.toml") == json.loads((copied / "said.json").read_text())
    assert site.requests == before
    assert fingerprint(copied / "archive") == made


def test_no_embedding_is_left(finished: Path) -> None:
    """None of a run's files holds the bytes of one, none of its tables a list of numbers as long."""
    faces = [row for row in seen(finished / "archive.work").values() if row["face"] is not None][:3]
    pack = open_pack("embedded")
    marks = []
    for row in faces:
        embedding = embed_kept(pack, row["face"], row["points"], row["points_convention"], row["framing"])
        marks += [embedding.astype(kind)[:8].tobytes() for kind in (np.float16, np.float32, np.float64)]
    for path in [path for path in finished.rglob("*") if path.is_file()]:
        data = path.read_bytes()
        assert not any(mark in data for mark in marks), path
        for row in pq.read_table(path).to_pylist() if path.suffix == ".parquet" else ():
            numbers = [value for value in row.values() if isinstance(value, list) and value and value[0] == value[0]]
            assert all(len(value) < 64 for value in numbers), path
    assert list((finished / "archive.work" / "embeddings").iterdir()) == []


def test_status_of_what_is_done(finished: Path) -> None:
    said = json.loads(curate(finished / "recipe.toml", verb="status").stdout)
    outcome = json.loads((finished / "said.json").read_text())
    assert said["is_listed"] and said["is_sealed"]
    assert said["pictures"] == said["looked_at"] == outcome["candidates"]
    assert said["shards"] == said["shards_done"] == -(-outcome["candidates"] // 8)
    assert said["dropped"]["fetch"] == outcome["dropped"]["fetch"]


def test_a_dry_run_asks_for_no_picture_and_writes_nothing(site: WikimediaSite, finished: Path, tmp_path: Path) -> None:
    recipe, before = write_recipe(tmp_path, site), asked(site)
    said = brought_up(recipe, "--dry-run")
    outcome = json.loads((finished / "said.json").read_text())
    assert (said["candidates"], said["drops"]) == (outcome["candidates"], outcome["dropped_while_listing"])
    assert asked(site) == before
    assert list(tmp_path.iterdir()) == [recipe]


def refused(folder: Path) -> str:
    """The one sentence of a run that refuses."""
    done = curate(folder / "recipe.toml")
    assert done.returncode == 1 and done.stdout == "", done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in done.stderr, done.stderr
    return lines[0]


def test_other_settings_are_refused(copied: Path) -> None:
    recipe = copied / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("shard_pictures = 8", "shard_pictures = 9"))
    assert "was begun with other settings (shard_pictures)" in refused(copied)


def test_another_recogniser_is_refused(copied: Path) -> None:
    said = copied / "archive.work" / "recogniser.json"
    said.write_text(json.dumps(json.loads(said.read_text()) | {"pack": "antelopev2", "sha256": "0" * 64}))
    assert "was begun with the pack antelopev2, now it is embedded; name it in the recipe" in refused(copied)


def test_a_folder_of_something_else_is_refused(copied: Path) -> None:
    (copied / "archive.work" / "recipe.json").unlink()
    assert "holds something else" in refused(copied)


@pytest.mark.parametrize(
    "name",
    ["listed/000000.parquet", "seen/000001.parquet", "listed.json", "recipe.json", "recogniser.json", "outcome.json"],
)
def test_damaged_files_are_named_in_one_sentence(copied: Path, name: str) -> None:
    path = copied / "archive.work" / name
    made, data = fingerprint(copied / "archive"), bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 8] = b"\xff\x00" * 4
    path.write_bytes(bytes(data))
    if name.startswith("listed/"):
        # It is read again only where pictures are still to be looked at.
        (copied / "archive.work" / "seen" / "000000.parquet").unlink()
    said = refused(copied)
    assert path.name in said and "damaged" in said and "delete" in said
    assert fingerprint(copied / "archive") == made


def test_a_damaged_shard_is_looked_at_again_when_it_is_deleted(copied: Path) -> None:
    made = fingerprint(copied / "archive")
    (copied / "archive.work" / "seen" / "000001.parquet").unlink()
    brought_up(copied / "recipe.toml")
    assert fingerprint(copied / "archive") == made


def test_anew_with_nothing_new_sends_nothing_and_changes_nothing(site: WikimediaSite, copied: Path) -> None:
    sent, before, made = site.sent.copy(), asked(site), fingerprint(copied / "archive")
    said = brought_up(copied / "recipe.toml", "--anew")
    assert fingerprint(copied / "archive") == made
    assert (said["added"], said["replaced"], said["withdrawn"]) == (0, 0, 0)
    assert (asked(site) - before).total() > 20
    again = site.sent - sent
    broken = {name for name, truth in site.truth.items() if truth.plant in ("html", "noai")}
    assert {address for address in again} <= {
        site.url(site.world.files[page_id(name)]).removeprefix("http://") for name in broken
    }, "only what was refused before is sent anew"


@pytest.mark.slow
def test_a_ray_cluster_gives_the_same_bytes(site: WikimediaSite, finished: Path, tmp_path: Path) -> None:
    """One that is started here for the run, with two workers in place of one."""
    brought_up(write_recipe(tmp_path, site, engine='kind = "ray"\nworkers = 2'))
    assert fingerprint(tmp_path / "archive") == fingerprint(finished / "archive")


@pytest.mark.slow
def test_other_shards_and_workers_give_the_same_pictures(site: WikimediaSite, finished: Path, tmp_path: Path) -> None:
    brought_up(write_recipe(tmp_path, site, shard_pictures=3, engine="workers = 2"))
    assert content(tmp_path) == content(finished)


def test_what_was_taken_down_stays_away(site: WikimediaSite, copied: Path) -> None:
    """A person, and one picture of which the site serves copies under other names."""
    archive = Archive(copied / "archive")
    held = {picture.record.picture_id: picture for picture in archive.pictures()}
    copies = {truth.picture_id: truth.of for truth in site.truth.values() if truth.outcome == "duplicate"}
    one = next(name for name in held if name in copies.values())
    person = next(
        record.record.person_id for record in held.values() if record.record.person_id != held[one].record.person_id
    )
    rows = seen(copied / "archive.work")
    gone = {name for name, row in rows.items() if row["person_id"] == person}
    gone |= {one, *(name for name, of in copies.items() if of == one)}
    faces = {name: rows[name]["face"] for name in gone if rows[name]["face"] is not None}
    assert len(faces) >= 3
    takedown(archive, Request(person=(person,), url=(held[one].record.source_url,)))
    before = asked(site)
    for options in ((), ("--anew",), ()):
        brought_up(copied / "recipe.toml", *options)
        assert gone.isdisjoint(records(copied))
        left = seen(copied / "archive.work")
        assert all(left[name]["face"] is None for name in faces), "a face is left in the working folder"
        report = (copied / "archive.work" / "report.html").read_text()
        for path in [path for path in copied.rglob("*") if path.is_file()]:
            assert not any(face in path.read_bytes() for face in faces.values()), path
        assert not any(thumb(face) in report for face in faces.values())
        assert not any(gone & set(item.picture_ids) for item in questions(copied))
    of_person = {name for name in gone if rows[name]["person_id"] == person} | {one}
    addresses = {site.url(site.world.files[page_id(name)]).removeprefix("http://") for name in of_person}
    assert addresses.isdisjoint(asked(site) - before), "what was taken down was asked for again"


def test_who_has_two_names_stays_away_by_both(site: WikimediaSite, copied: Path) -> None:
    """Two people were answered to be one, who is removed by the name that the archive has."""
    archive = Archive(copied / "archive")
    by_person: dict[str, list[str]] = {}
    for record in archive.records():
        by_person.setdefault(record.person_id, []).append(record.picture_id)
    first, second = sorted(by_person)[:2]
    pair = (by_person[first][0], by_person[second][0])
    same = ReviewItem(kind="pair", picture_ids=pair, reason="one person?", source="somebody", added_at=AT)
    queue = ReviewQueue(archive.folder)
    queue.add([same])
    queue.decide(same.item_id, "same_person", "anna", AT)
    brought_up(copied / "recipe.toml")
    takedown(archive, Request(person=(first,)))
    rows = seen(copied / "archive.work")
    gone = {name for name, row in rows.items() if row["person_id"] in (first, second)}
    before = asked(site)
    brought_up(copied / "recipe.toml", "--anew")
    assert {first, second}.isdisjoint(record.person_id for record in archive.records())
    assert not any(gone & set(item.picture_ids) for item in queue.items())
    left = seen(copied / "archive.work")
    assert all(left[name]["face"] is None for name in gone)
    addresses = {site.url(site.world.files[page_id(name)]).removeprefix("http://") for name in gone}
    assert addresses.isdisjoint(asked(site) - before), "what was taken down was asked for again"
    refused = json.loads((copied / "archive.work" / "listed.json").read_text())["drops"]["source"]["removed on request"]
    assert refused >= len(gone), "the sources are read with both names known"


def test_answers_are_heeded(copied: Path) -> None:
    queue, archive = ReviewQueue(copied / "archive"), copied / "archive"
    before = set(records(copied))
    pictures = [item for item in questions(copied) if item.kind == "picture"]
    alone = [
        item for item in pictures
        if sum(item.picture_ids[0] in other.picture_ids for other in questions(copied)) == 1
        and item.picture_ids[0] not in before
    ]  # fmt: skip
    keep, remove = alone[0], alone[1]
    queue.decide(keep.item_id, "keep", "anna", AT)
    queue.decide(remove.item_id, "remove", "anna", AT)
    said = brought_up(copied / "recipe.toml")
    assert set(records(copied)) == before | {keep.picture_ids[0]}
    assert said["dropped"]["review"] == {"removed by a reviewer": 1}
    assert said["added"] == 1 and said["questions"] == 0
    queue.decide(keep.item_id, "remove", "bert", AT)
    said = brought_up(copied / "recipe.toml")
    assert set(records(copied)) == before and said["withdrawn"] == 1
    assert list(Archive(archive).verify()) == []


@pytest.fixture
def changing() -> Iterator[WikimediaSite]:
    """A site without plants, to be changed."""
    with serving(num_pictures=14, faults=False) as running:
        running.prepare()
        yield running


@pytest.mark.slow
def test_the_archive_follows_its_sources(changing: WikimediaSite, tmp_path: Path) -> None:
    """Changed, new, gone, no longer named, under another licence, under none that will do: as a fresh run has it."""
    world, (old, fresh) = changing.world, (tmp_path / "old", tmp_path / "fresh")
    old.mkdir()
    fresh.mkdir()
    adults = [file.page_id for file in world.adults]
    new = world.files.pop(adults[0])
    recipe = write_recipe(old, changing, shard_pictures=4)
    brought_up(recipe)
    world.files[adults[0]] = new
    changed, gone, unnamed, freed, closed = adults[1:6]
    changing.change(changed, make=relit(world.files[changed]))
    changing.change(gone, is_gone=True)
    del world.files[unnamed]
    changing.change(freed, words=world.files[freed].words | {"LicenseShortName": "CC0"})
    nc = {"LicenseShortName": "CC BY-NC 4.0", "LicenseUrl": "https://creativecommons.org/licenses/by-nc/4.0/"}
    changing.change(closed, words=world.files[closed].words | nc)
    brought_up(recipe, "--anew")
    brought_up(write_recipe(fresh, changing, shard_pictures=4))
    assert content(old) == content(fresh)
    names = {f"wikimedia/M{one}" for one in (gone, unnamed, closed)}
    assert names.isdisjoint(records(old))
    assert all(seen(old / "archive.work")[name]["face"] is None for name in names)
    assert drafts(old) == []


def relit(file: SiteFile) -> Any:
    """The same photo, a little brighter."""
    photo = decode_photo(file.make())
    data = encode_jpeg(np.clip(photo.astype(np.int16) + 14, 0, 255).astype(np.uint8), 88)
    return lambda: data


@pytest.mark.slow
def test_the_order_of_sources_does_not_matter(site: WikimediaSite, tmp_path: Path) -> None:
    """Two folders of pictures on this machine, one picture in both; whoever is asked first, the archive is the same."""
    names = {}
    for number, file in enumerate(site.world.adults[:7]):
        age = site.truth[f"wikimedia/M{file.page_id}"].age_years
        folders = ("one", "two") if number == 0 else ("one",) if number % 2 else ("two",)
        for place in folders:
            path = tmp_path / place / f"{file.qid}-{place}" / f"{file.page_id}_{age}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(site.picture(file.page_id))
            names[path] = number
    found = []
    for order in (("one", "two"), ("two", "one")):
        folder = tmp_path / "-".join(order)
        folder.mkdir()
        tables = "".join(f'[[source.folder]]\nfolder = "../{place}"\n' for place in order)
        recipe = folder / "recipe.toml"
        recipe.write_text(f'archive = "archive"\npack = "embedded"\n{tables}[engine]\nworkers = 1\n')
        said = brought_up(recipe)
        assert said["candidates"] == len(names) == 8 and said["dropped"]["duplicates"] == {"same file": 1}
        found.append((content(folder), {(item.picture_ids, item.reason) for item in questions(folder)}))
    assert found[0] == found[1]
    assert len(found[0][0]) >= 2


@pytest.mark.slow
def test_the_example_does_what_it_says(tmp_path: Path) -> None:
    """`make example`, over an earlier one; what it says about loading is true."""
    out = tmp_path / "example"
    (out / "archive").mkdir(parents=True)
    (out / "recipe.toml").write_text(MARK)
    done = subprocess.run(
        [sys.executable, "-m", "tests.example", "--out", str(out), "--pictures", "60"],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "pictures with something wrong were caught" in done.stdout
    assert (out / "archive.work" / "report.html").stat().st_size > 10_000
    [line] = [line for line in done.stdout.splitlines() if line.startswith("load it ")]
    program = f"import datasets; print({line.removeprefix('load it').strip()})"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    counts = [int(count) for count in re.findall(r"num_rows: (\d+)", loaded.stdout)]
    assert sum(counts) == len(records(out)), loaded.stdout + loaded.stderr[-2000:]


def test_the_example_spares_other_people_s_folders(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "tests.example", "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 1 and "holds something that is no example" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_second_run_at_the_same_time_is_refused(copied: Path) -> None:
    from cafdata import lock

    with lock.writing(copied / "archive.work"):
        assert "is being written by another process" in refused(copied)
