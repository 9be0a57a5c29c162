"""The bundled sample, and how such a one is made: from faces of nobody, by any generator."""

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from scipy.ndimage import shift

from cafdata.__main__ import sample
from cafdata.archive import Archive
from cafdata.composites import LEAST_FACES, Candidate, Cast, choose, composite, find_candidates, make_composites
from cafdata.sample import AGES, CAST, COMPOSITE, SAMPLE, Person, ages_of, make_sample, people_in, people_of
from core.ages import TEN
from core.aging import FaceAger
from core.detect import open_pack
from core.device import choose as choose_device
from core.errors import ArchiveBroken, DataBroken, WeightsMissing
from core.generator import Generator, GeneratorConfig
from core.identity import unit
from core.images import Photo, encode_jpeg
from core.weights import LoadedModel
from tests.models import info_of

TINY = GeneratorConfig(
    size_px=32, groups="10", fold=2, channels=(8, 16), encoder_blocks=(0, 1), decoder_blocks=(1, 1), code_width=16
)


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return [*people_in(Archive(SAMPLE))]


@pytest.fixture(scope="module")
def ager() -> FaceAger:
    torch.manual_seed(0)
    network = Generator(TINY)
    with torch.no_grad():
        for weights in network.parameters():
            weights += 0.3 * torch.randn_like(weights)  # so that it changes faces
    return FaceAger(
        LoadedModel(info=info_of(network), network=network), open_pack("embedded"), choose_device("cpu", "float32")
    )


def test_the_bundled_sample_is_whole_and_small() -> None:
    archive = Archive(SAMPLE)
    assert [*archive.verify()] == []
    records = [*archive.records()]
    assert len({record.person_id for record in records}) == 20
    assert all(record.is_synthetic and record.age_provenance == "synthetic" for record in records)
    assert {record.licence for record in records} == {"non-commercial research only (made from UTKFace)"}
    assert {record.group10 for record in records} == set(TEN.names)
    assert {record.split for record in records} == {"train", "validation", "test"}
    assert {record.sex for record in records} == {"male", "female"}
    assert sum(file.stat().st_size for file in SAMPLE.rglob("*") if file.is_file()) < 1_500_000
    assert not [file.name for file in SAMPLE.rglob("*") if file.is_file() and os.access(file, os.X_OK)]


def test_its_card_is_finished_and_describes_it() -> None:
    readme = (SAMPLE / "README.md").read_text()
    assert f"{len(Archive(SAMPLE))} pictures of 20 people" in readme
    assert "To be written" not in readme and "All of the pictures are synthetic" in readme
    assert (SAMPLE / "croissant.json").is_file() and (SAMPLE / "coverage.png").is_file()


def test_hugging_face_loads_it(tmp_path: Path) -> None:
    import datasets

    found = datasets.load_dataset(str(SAMPLE), "pictures", cache_dir=str(tmp_path))
    assert sum(len(split) for split in found.values()) == len(Archive(SAMPLE))
    assert found["test"][0]["image"].size == (200, 200)


def test_ages_lie_in_their_groups_and_each_group_is_asked_for() -> None:
    for group, (first, last) in enumerate(AGES):
        assert TEN.index_of(first) == TEN.index_of(last) == group
    asked = set()
    for number in range(20):
        own = TEN.index_of((CAST[number].first_years + CAST[number].last_years) / 2)
        groups = [TEN.index_of(age) for age in ages_of(number, own)]
        assert own not in groups and len(groups) == len(set(groups)) >= 7
        asked |= set(groups)
    assert asked == set(range(10))


def test_casts_lie_in_one_group_each_and_differ() -> None:
    assert len(set(CAST)) == len(CAST) == 20
    for cast in CAST:
        assert TEN.index_of(cast.first_years) == TEN.index_of(cast.last_years)
    assert sum(cast.sex == "female" for cast in CAST) == 10


def test_a_sample_is_aged_anew(people: list[Person], ager: FaceAger, tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    lines: list[str] = []
    count = make_sample(folder, people[:2], ager, lines.append)
    archive = Archive(folder)
    groups = [TEN.index_of(person.composite.record.age_years) for person in people[:2]]
    assert count == len(archive) == 2 + sum(len(ages_of(number, group)) for number, group in enumerate(groups))
    assert lines == ["synthetic-01 aged", "synthetic-02 aged"]
    aged = [record for record in archive.records() if not record.picture_id.endswith(COMPOSITE)]
    assert {record.source_revision for record in aged} == {"drawn-at-random 0000000000000000"}
    assert all(record.age_min_years == record.age_max_years for record in aged)
    assert [*archive.verify()] == []
    again = [*people_in(archive)]
    assert [person.composite.data for person in again] == [person.composite.data for person in people[:2]]
    make_sample(folder, again, ager, lines.append)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sample"]
    assert not (folder / "lock").exists()


def test_what_goes_wrong_leaves_the_sample_that_was_there(people: list[Person], ager: FaceAger, tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    make_sample(folder, people[:1], ager, lambda _: None)
    blank = Person(composite=people[1].composite, photo=np.full((200, 200, 3), 128, np.uint8))
    with pytest.raises(Exception, match="No face"):
        make_sample(folder, [people[0], blank], ager, lambda _: None)
    assert {record.person_id for record in Archive(folder).records()} == {"synthetic-01"}
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.doc").write_bytes(b"x")
    with pytest.raises(ArchiveBroken):
        make_sample(tmp_path / "thesis", people[:1], ager, lambda _: None)
    with pytest.raises(ArchiveBroken, match="holds no composites"):
        list(people_in(Archive.create(tmp_path / "empty")))


def test_a_run_that_was_killed_while_a_sample_took_its_place(
    people: list[Person], ager: FaceAger, tmp_path: Path
) -> None:
    """Between its renames, after which the command finds the sample again; or while it deletes the one of before."""
    folder, aside = tmp_path / "sample", tmp_path / ".sample.before"
    make_sample(folder, people[:1], ager, lambda _: None)
    folder.rename(aside)
    shutil.copytree(aside, tmp_path / ".sample.draft")
    with pytest.raises(WeightsMissing):
        sample(out=folder, model="none of ours", threads=torch.get_num_threads())
    assert len([*people_in(Archive(folder))]) == 1 and not aside.exists()
    folder.rename(aside)
    make_sample(folder, people[1:2], ager, lambda _: None)
    shutil.copytree(folder, aside)
    (aside / "manifest.json").unlink()
    make_sample(folder, people[1:2], ager, lambda _: None)
    assert {record.person_id for record in Archive(folder).records()} == {"synthetic-02"}
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]


def moved(photo: Photo, down: float, right: float) -> Photo:
    levels = shift(photo.astype(np.float64), (down, right, 0), order=1, mode="nearest")
    return np.clip(levels, 0, 255).round().astype(np.uint8)


def test_a_composite_is_sharper_than_the_mean(people: list[Person]) -> None:
    """Of one face at eight places: the mean smears it, the composite brings it back."""
    face = people[0].photo
    places = [(0, 0), (3, 1), (-3, 2), (2, -3), (-2, -2), (4, 0), (-4, -1), (1, 3)]
    faces = [moved(face, down, right) for down, right in places]
    inner = np.s_[40:160, 40:160]
    truth, mean = face[inner].astype(float), np.mean(faces, axis=0)[inner]
    made = composite(faces, [(100, 8.0)])[inner].astype(float)
    assert np.abs(made - truth).mean() < 0.7 * np.abs(mean - truth).mean()
    with pytest.raises(ValueError, match=f"{LEAST_FACES} faces"):
        composite(faces[:7])


def test_one_person_is_chosen_once() -> None:
    random = np.random.default_rng(0)
    vectors = [unit(vector) for vector in random.normal(size=(10, 128))]
    faces = random.integers(0, 255, (10, 200, 200, 3), dtype=np.uint8)
    candidates = [Candidate(face=faces[number], age_years=30, embedding=vectors[number // 2]) for number in range(10)]
    assert len(choose(candidates)) == 5
    assert len(choose(candidates, 3)) == 3
    assert choose([]) == []


def test_candidates_are_found_by_their_labels(people: list[Person], tmp_path: Path) -> None:
    cast = Cast(sex="female", race="White", first_years=20, last_years=28)
    good = {"age": 25, "gender": 1, "race": 0, "sharp": 99.0, "jpeg": encode_jpeg(people[0].photo)}
    blank = io.BytesIO()
    Image.new("RGB", (200, 200), "grey").save(blank, "JPEG")
    rows = [good, good | {"age": 29}, good | {"gender": 0}, good | {"race": 1}, good | {"sharp": 9.0}]
    rows += [good | {"jpeg": blank.getvalue()}, good | {"age": 20}]
    file = tmp_path / "faces.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file, row_group_size=3)
    pack = open_pack("embedded")
    found = find_candidates([file], cast, pack)
    assert [candidate.age_years for candidate in found] == [25, 20]
    assert found[0].face.shape == (200, 200, 3)
    with pytest.raises(DataBroken, match="only 1 faces of different people"):
        list(make_composites([file], [cast], pack, print))
    file.write_bytes(b"nothing")
    with pytest.raises(DataBroken, match="no Parquet file"):
        find_candidates([file], cast, pack)


def test_people_are_numbered(people: list[Person]) -> None:
    from cafdata.composites import Composite

    made = [Composite(cast=CAST[3], face=people[0].photo, ages_years=(21, 27, 24))]
    record = next(people_of(made)).composite.record
    assert (record.picture_id, record.person_id) == ("synthetic-01/composite", "synthetic-01")
    assert (record.age_min_years, record.age_max_years, record.sex, record.ethnicity) == (21, 27, "male", "Black")
    assert record.attribution == "composite of 3 faces of UTKFace"
