"""Faces from Parquet, and balanced batches."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.ages import FOUR, TEN
from core.errors import DataBroken
from training.data import BalancedSampler, FaceSet, FacesInMemory, LabelledBatch, decoded, find_places, load_faces
from training.memory import check_room, memory_bytes


def jpeg(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), (shade, shade, shade)).save(buffer, "JPEG")
    return buffer.getvalue()


def write(path: Path, ages: list[int | None], sexes: list[int]) -> Path:
    pictures = [jpeg(10 * number) for number in range(len(ages))]
    pq.write_table(pa.table({"age": pa.array(ages, pa.int16()), "gender": sexes, "jpeg": pictures}), path)
    return path


def test_faces_come_with_their_labels(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", [5, 30, 110], [0, 1, 0])
    faces = load_faces((file, file), 16)
    assert faces.faces.shape == (6, 16, 16, 3)
    assert faces.ages_years.tolist() == [5, 30, 100] * 2
    assert faces.sexes.tolist() == [0, 1, 0] * 2
    assert abs(int(faces.faces[1].mean()) - 10) <= 1
    assert load_faces((file,), 16, min_age_years=15).ages_years.tolist() == [30, 100]
    assert len(load_faces((file, file), 16, max_faces=4)) == 4


def test_bad_rows_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataBroken, match=r"row 1: age -5, gender 1"):
        load_faces((write(tmp_path / "b.parquet", [5, -5], [0, 1]),), 16)
    with pytest.raises(DataBroken, match=r"row 0: age None"):
        load_faces((write(tmp_path / "c.parquet", [None], [0]),), 16)
    with pytest.raises(DataBroken, match="no such data file"):
        load_faces((tmp_path / "missing.parquet",), 16)
    pq.write_table(pa.table({"age": [1]}), tmp_path / "d.parquet")
    with pytest.raises(DataBroken, match=r"lacks the column\(s\) gender, jpeg"):
        load_faces((tmp_path / "d.parquet",), 16)
    with pytest.raises(DataBroken, match="no face of 50 years"):
        load_faces((write(tmp_path / "e.parquet", [5], [0]),), 16, min_age_years=50)


def test_no_faces_are_no_set(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", [5, 30], [0, 1])
    with pytest.raises(DataBroken, match="no face"):
        load_faces((file,), 16, max_faces=0)
    with pytest.raises(ValueError, match="ask for one or more"):
        decoded([], 16)
    backwards = decoded(find_places((file,))[::-1], 16)
    assert backwards.ages_years.tolist() == [30, 5], "in the order of the places"


def test_more_faces_than_memory_holds_are_refused_with_the_way_out() -> None:
    check_room(1, 128, 2)
    there = memory_bytes()
    if there is None:
        pytest.skip("this system does not tell how much memory it has")
    num_faces = 2 * there // (3 * 1024**2)
    with pytest.raises(DataBroken, match=r"faces of 1024 px take \d+ GB, and this process may use \d+ GB .* --stream"):
        check_room(num_faces, 1024, 1)
    with pytest.raises(DataBroken, match="in each of 8 processes"):
        check_room(num_faces // 8 + 1, 1024, 8)


@pytest.mark.parametrize(
    ("group", "limits", "wanted"),
    [
        ("0::/", {"memory.max": "max"}, 3 << 20),
        ("0::/", {"memory.max": "1048576"}, 1 << 20),
        ("0::/outer/inner", {"outer/memory.max": "1048576", "outer/inner/memory.max": "max"}, 1 << 20),
        ("4:memory:/job\n0::/", {"memory/job/memory.limit_in_bytes": "2097152"}, 2 << 20),
        ("4:memory:/elsewhere", {"memory/memory.limit_in_bytes": "9223372036854771712"}, 3 << 20),
    ],
)
def test_a_container_has_what_its_control_groups_leave_it(
    tmp_path: Path, group: str, limits: dict[str, str], wanted: int
) -> None:
    files = {f"sys/fs/cgroup/{name}": f"{value}\n" for name, value in limits.items()}
    files |= {"proc/meminfo": "MemTotal: 2048 kB\nSwapTotal: 1024 kB\n", "proc/self/cgroup": f"{group}\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory_bytes(tmp_path) == wanted


@pytest.fixture
def lopsided() -> FaceSet:
    """Thirty faces of 25, two each of the other groups; few women."""
    ages = np.array([25] * 30 + [1, 5, 8, 12, 17, 35, 45, 60, 80] * 2)
    sexes = np.array([1] + [0] * 29 + [0, 1] * 9)
    return FaceSet(faces=np.zeros((len(ages), 8, 8, 3), np.uint8), ages_years=ages, sexes=sexes)


def test_every_group_and_both_sexes_come_equally_often(lopsided: FaceSet) -> None:
    sampler = BalancedSampler(lopsided, TEN, batch_size=20, seed=0, own_age_share=0.2)
    seen = np.concatenate([sampler.batch(step).indices for step in range(200)])
    groups = np.bincount([TEN.index_of(int(age)) for age in lopsided.ages_years[seen]], minlength=10)
    assert groups.tolist() == [400] * 10
    women_of_25 = lopsided.sexes[seen][lopsided.ages_years[seen] == 25].mean()
    assert women_of_25 == pytest.approx(0.5, abs=0.08)


def test_a_batch_depends_on_seed_and_step_alone(lopsided: FaceSet) -> None:
    one = BalancedSampler(lopsided, TEN, batch_size=16, seed=3, own_age_share=0.2)
    other = BalancedSampler(lopsided, TEN, batch_size=16, seed=3, own_age_share=0.2)
    one.batch(0), one.batch(1)
    a, b = one.batch(7), other.batch(7)
    assert (a.indices == b.indices).all()
    assert (a.targets_years == b.targets_years).all()
    assert (a.flips == b.flips).all()
    assert (a.indices != one.batch(8).indices).any()


def test_a_share_of_targets_is_the_own_age(lopsided: FaceSet) -> None:
    sampler = BalancedSampler(lopsided, TEN, batch_size=20, seed=0, own_age_share=1.0)
    batch = sampler.batch(0)
    assert (batch.targets_years == lopsided.ages_years[batch.indices]).all()


def test_an_empty_group_is_named(lopsided: FaceSet) -> None:
    adults = lopsided.ages_years >= 20
    some = FaceSet(faces=lopsided.faces[adults], ages_years=lopsided.ages_years[adults], sexes=lopsided.sexes[adults])
    with pytest.raises(DataBroken, match="no face of the age group 0-2"):
        BalancedSampler(some, TEN, batch_size=20, seed=0, own_age_share=0.2)
    assert len(BalancedSampler(some, FOUR, batch_size=8, seed=0, own_age_share=0.2).batch(0).indices) == 8


def test_races_come_where_the_files_carry_them(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.parquet", [5, 30, 50], [0, 1, 0])
    assert load_faces((plain,), 16).races is None
    told = tmp_path / "told.parquet"
    pq.write_table(pq.read_table(plain).append_column("race", pa.array([3, 0, 4])), told)
    races = load_faces((told,), 16, min_age_years=15).races
    assert races is not None
    assert races.tolist() == [0, 4]
    spread = load_faces((told,), 16).spread(2).races
    assert spread is not None
    assert spread.tolist() == [3, 4]
    assert load_faces((plain, told), 16).races is None


@pytest.mark.parametrize(
    "races",
    [["White", "Asian", None], [1.0, float("nan"), 3.0], [2, None, 4], [0, 1, 9], [0.5, 1.0, 2.0], [{"code": 1}] * 3],
)
def test_races_that_are_no_codes_are_unknown(tmp_path: Path, races: list[object]) -> None:
    file = write(tmp_path / "a.parquet", [5, 30, 50], [0, 1, 0])
    pq.write_table(pq.read_table(file).append_column("race", pa.array(races)), file)
    faces = load_faces((file,), 16)
    assert faces.ages_years.tolist() == [5, 30, 50]
    assert faces.races is None


def test_an_image_column_as_hugging_face_writes_it_is_read_too(tmp_path: Path) -> None:
    images = [{"bytes": jpeg(200), "path": "a.jpg"}, {"bytes": jpeg(20), "path": None}]
    pq.write_table(pa.table({"age": [5, 40], "gender": [0, 1], "image": images}), tmp_path / "a.parquet")
    faces = load_faces((tmp_path / "a.parquet",), 16)
    assert faces.faces.mean((1, 2, 3)).round().tolist() == pytest.approx([200, 20], abs=1)
    pq.write_table(
        pa.table({"age": [5, 40], "gender": [0, 1], "image": [images[0], {"bytes": None, "path": "b.jpg"}]}),
        tmp_path / "b.parquet",
    )
    with pytest.raises(DataBroken, match=r"b\.parquet, row 1: image holds no bytes; embed"):
        load_faces((tmp_path / "b.parquet",), 16)
    pq.write_table(pa.table({"age": [5], "gender": [0], "image": ["a.jpg"]}), tmp_path / "c.parquet")
    with pytest.raises(DataBroken, match="the column image is string, not a struct with bytes"):
        load_faces((tmp_path / "c.parquet",), 16)


def test_what_is_no_parquet_or_no_picture_is_named(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.parquet", [5, 30], [0, 1])
    (tmp_path / "cut.parquet").write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(DataBroken, match=r"cut\.parquet is no Parquet file, or not all of it; fetch it again"):
        load_faces((tmp_path / "cut.parquet",), 16)
    (tmp_path / "empty.parquet").touch()
    with pytest.raises(DataBroken, match=r"empty\.parquet is no Parquet file"):
        load_faces((tmp_path / "empty.parquet",), 16)
    pq.write_table(pa.table({"age": [1, 2], "gender": [0, 1], "jpeg": [jpeg(9), b"nonsense"]}), tmp_path / "b.parquet")
    with pytest.raises(DataBroken, match=r"b\.parquet, row 1: .*picture"):
        load_faces((tmp_path / "b.parquet",), 16)


def drawn_set(count: int = 80) -> FaceSet:
    """Faces of noise, four or more of every group of ten."""
    random = np.random.default_rng(0)
    return FaceSet(
        faces=random.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8),
        ages_years=np.linspace(0, 90, count).astype(np.int64),
        sexes=np.arange(count) % 2,
    )


def same(one: LabelledBatch, other: LabelledBatch) -> bool:
    pairs = zip(dataclasses.astuple(one), dataclasses.astuple(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_batches_from_memory_are_those_of_the_sampler() -> None:
    faces = drawn_set()
    source = FacesInMemory(faces, TEN, batch_size=12, seed=5, own_age_share=0.2)
    drawn = BalancedSampler(faces, TEN, 12, 5, 0.2).batch(9)
    source.batch(3)
    batch = source.batch(9)
    assert np.array_equal(batch.faces, faces.faces[drawn.indices])
    assert np.array_equal(batch.ages_years, faces.ages_years[drawn.indices])
    assert np.array_equal(batch.sexes, faces.sexes[drawn.indices])
    assert np.array_equal(batch.flips, drawn.flips)
    assert np.array_equal(batch.targets_years, drawn.targets_years)
    assert not same(batch, source.batch(10))


def test_a_draw_stays_what_it_was() -> None:
    """Golden: positions, targets and flips that the first version of the sampler drew for these labels."""
    drawn = BalancedSampler(drawn_set(), TEN, 8, 7, 0.25).batch(3)
    assert drawn.indices.tolist() == [20, 2, 70, 17, 43, 13, 8, 46]
    assert drawn.targets_years.tolist() == [13, 2, 35, 25, 62, 14, 5, 42]
    assert drawn.flips.tolist() == [True, True, False, True, False, True, False, True]


def test_processes_share_out_what_one_would_see() -> None:
    whole = FacesInMemory(drawn_set(), TEN, batch_size=12, seed=5, own_age_share=0.2)
    parts = [
        FacesInMemory(drawn_set(), TEN, batch_size=4, seed=5, own_age_share=0.2, rank=rank, num_processes=3)
        for rank in range(3)
    ]
    for step in (0, 17):
        shares = [dataclasses.astuple(part.batch(step)) for part in parts]
        wanted = dataclasses.astuple(whole.batch(step))
        for number, values in enumerate(wanted):
            assert np.array_equal(np.concatenate([share[number] for share in shares]), values)
    with pytest.raises(ValueError, match=r"ranks are 0..2, got 3"):
        FacesInMemory(drawn_set(), TEN, batch_size=4, seed=5, own_age_share=0.2, rank=3, num_processes=3)


def test_a_grid_shows_one_of_each_group() -> None:
    faces = drawn_set()
    shown = FacesInMemory(faces, TEN, batch_size=4, seed=0, own_age_share=0.2).one_of_each()
    rows = [int(np.flatnonzero((faces.faces == face).all((1, 2, 3)))[0]) for face in shown]
    assert [TEN.index_of(int(faces.ages_years[row])) for row in rows] == list(range(10))
    assert faces.sexes[rows].tolist() == [0, 1] * 5


def test_the_digest_tells_data_apart() -> None:
    def digest(faces: FaceSet) -> str:
        return FacesInMemory(faces, TEN, batch_size=4, seed=0, own_age_share=0.2).digest

    faces = drawn_set()
    other = faces.faces.copy()
    other[-1, -1, -1, -1] ^= 1
    assert digest(faces) == digest(drawn_set())
    assert digest(faces) != digest(dataclasses.replace(faces, faces=other))
    assert digest(faces) != digest(dataclasses.replace(faces, sexes=1 - faces.sexes))
