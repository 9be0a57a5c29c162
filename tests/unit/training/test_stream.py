"""Streaming: windows follow from the step, processes share row groups, batches are balanced, faults are named."""

import dataclasses
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from PIL import Image

from core.ages import FOUR, TEN, AgeGroups
from core.errors import DataBroken
from training.data import LabelledBatch
from training.stream import FacesFromShards, StreamConfig

CONFIG = StreamConfig(size_px=16, batch_size=20, row_groups_per_window=2, steps_per_window=3, num_workers=1)
AGES = [1, 4, 8, 12, 17, 25, 35, 45, 60, 80]
"""One of each group of ten."""


def picture(number: int) -> bytes:
    """A plain picture whose colour tells its number."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (number % 16 * 16, number // 16 * 16, 128)).save(buffer, "PNG")
    return buffer.getvalue()


def number_of(face: np.ndarray) -> int:
    return int(face[0, 0, 0]) // 16 + int(face[0, 0, 1]) // 16 * 16


def write(path: Path, first: int, num_rows: int, ages: list[int], row_group_rows: int = 20) -> Path:
    """Rows first, first + 1, ...; each row group holds every age of `ages` in both sexes."""
    numbers = range(first, first + num_rows)
    rows = {
        "age": [ages[number // 2 % len(ages)] for number in numbers],
        "gender": [number % 2 for number in numbers],
        "jpeg": [picture(number) for number in numbers],
    }
    pq.write_table(pa.table(rows), path, row_group_size=row_group_rows)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of 5 and 4 row groups of 20 rows."""
    made = tmp_path_factory.mktemp("shards")
    write(made / "a.parquet", 0, 100, AGES)
    write(made / "b.parquet", 100, 80, AGES)
    return made


def source(
    places: tuple[str | Path, ...],
    config: StreamConfig = CONFIG,
    groups: AgeGroups = TEN,
    rank: int = 0,
    count: int = 1,
) -> FacesFromShards:
    return FacesFromShards(places, groups, config, seed=1, own_age_share=0.2, rank=rank, num_processes=count)


@pytest.fixture(scope="module")
def stream(folder: Path) -> Iterator[FacesFromShards]:
    with source((folder / "*.parquet",)) as made:
        yield made


@pytest.fixture(scope="module")
def straight(stream: FacesFromShards) -> list[LabelledBatch]:
    """Batches 0..19 of one sitting: seven windows, into the second epoch."""
    return [stream.batch(step) for step in range(20)]


def same(one: LabelledBatch, other: LabelledBatch) -> bool:
    pairs = zip(dataclasses.astuple(one), dataclasses.astuple(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_a_fresh_start_at_any_step_equals_going_through(folder: Path, straight: list[LabelledBatch]) -> None:
    assert not any(same(one, other) for one, other in itertools.pairwise(straight))
    with source((folder / "*.parquet",)) as restarted:
        for step in (7, 2, 16, 17, 18, 3):
            assert same(restarted.batch(step), straight[step])


def test_a_start_in_the_middle_of_a_window_reads_that_window_first(folder: Path, straight: list[LabelledBatch]) -> None:
    with source((folder / "*.parquet",)) as restarted:
        for step in range(5, 10):
            assert same(restarted.batch(step), straight[step])


def test_faces_come_with_their_own_labels_from_the_window_alone(
    stream: FacesFromShards, straight: list[LabelledBatch]
) -> None:
    for step, batch in enumerate(straight):
        numbers = [number_of(face) for face in batch.faces]
        assert {number // 20 for number in numbers} <= set(stream.row_groups_of(step // 3))
        assert batch.ages_years.tolist() == [AGES[number // 2 % 10] for number in numbers]
        assert batch.sexes.tolist() == [number % 2 for number in numbers]
        assert batch.faces.shape == (20, 16, 16, 3)


def test_batches_are_balanced(straight: list[LabelledBatch]) -> None:
    for batch in straight:
        assert np.bincount([TEN.index_of(age) for age in batch.ages_years]).tolist() == [2] * 10
    assert np.mean([batch.sexes.mean() for batch in straight]) == pytest.approx(0.5, abs=0.08)
    assert np.mean([batch.flips.mean() for batch in straight]) == pytest.approx(0.5, abs=0.08)
    own = np.mean([(batch.targets_years == batch.ages_years).mean() for batch in straight])
    assert own == pytest.approx(0.2 + 0.8 * 0.1, abs=0.08)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("held", [1, 2, 4, 100])
def test_an_epoch_sees_every_row_group_once_over_all_processes(folder: Path, count: int, held: int) -> None:
    config = dataclasses.replace(CONFIG, row_groups_per_window=held)
    ranks = [source((folder / "*.parquet",), config, rank=rank, count=count) for rank in range(count)]
    orders = []
    for epoch in range(3):
        windows = range(epoch * ranks[0].windows_per_epoch, (epoch + 1) * ranks[0].windows_per_epoch)
        parts = [rank.row_groups_of(window) for rank in ranks for window in windows]
        seen = [number for part in parts for number in part]
        assert sorted(seen) == list(range(9))
        assert all(1 <= len(part) <= held + 1 for part in parts)
        orders.append(seen)
    assert orders[0] != orders[1]
    for rank in ranks:
        rank.close()


def test_processes_draw_differently_from_row_groups_of_their_own(folder: Path) -> None:
    with (
        source((folder / "*.parquet",), rank=0, count=2) as one,
        source((folder / "*.parquet",), rank=1, count=2) as two,
    ):
        seen = [{number_of(face) // 20 for face in rank.batch(4).faces} for rank in (one, two)]
        assert not seen[0] & seen[1]
        assert one.digest == two.digest


def test_groups_that_a_window_lacks_are_left_out_of_its_batches(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", 0, 20, AGES[:3])
    write(tmp_path / "b.parquet", 20, 20, AGES[3:])
    config = dataclasses.replace(CONFIG, row_groups_per_window=1, steps_per_window=1)
    with source((tmp_path / "*.parquet",), config) as stream:
        for window in range(2):
            groups = np.bincount([TEN.index_of(age) for age in stream.batch(window).ages_years], minlength=10)
            held = slice(0, 3) if stream.row_groups_of(window) == [0] else slice(3, 10)
            assert groups[held].min() >= 2
            assert groups.sum() == groups[held].sum()
        shown = [number_of(face) for face in stream.one_of_each()]
        assert [AGES[:3][number // 2 % 3] if number < 20 else AGES[3:][number // 2 % 7] for number in shown] == AGES


def test_a_grid_shows_alternate_sexes_and_no_one_below_the_groups(stream: FacesFromShards, folder: Path) -> None:
    assert [number_of(face) for face in stream.one_of_each()] == [0, 3, 4, 7, 8, 11, 12, 15, 16, 19]
    with source((folder / "b.parquet",), groups=FOUR) as adults:
        assert [number_of(face) - 100 for face in adults.one_of_each()] == [8, 13, 14, 17]
        assert adults.batch(0).ages_years.min() == 17


def test_the_digest_follows_the_content_not_the_place(folder: Path, stream: FacesFromShards, tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with source((f"file://{tmp_path}/*.parquet",)) as copy:
        assert copy.digest == stream.digest
        assert same(copy.batch(0), stream.batch(0))
    write(tmp_path / "b.parquet", 101, 80, AGES)
    with source((tmp_path / "*.parquet",)) as other:
        assert other.digest != stream.digest


def test_a_broken_picture_stops_the_stream_at_its_window(tmp_path: Path) -> None:
    table = pq.read_table(write(tmp_path / "a.parquet", 0, 60, AGES)).to_pydict()
    table["jpeg"][47] = table["jpeg"][47][:60]
    pq.write_table(pa.table(table), tmp_path / "a.parquet", row_group_size=20)
    config = dataclasses.replace(CONFIG, row_groups_per_window=1)
    with source((tmp_path / "a.parquet",), config) as stream:
        broken = [stream.row_groups_of(window) for window in range(3)].index([2])
        for step in range(3 * broken):
            stream.batch(step)
        for _ in range(2):
            with pytest.raises(DataBroken, match=r"a\.parquet, row 47: This picture .*"):
                stream.batch(3 * broken)


def test_bytes_damaged_within_a_row_group_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", 0, 40, AGES)
    column = pq.read_metadata(file).row_group(1).column(2)
    data = bytearray(file.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    file.write_bytes(data)
    with source((file,)) as stream, pytest.raises(DataBroken, match=r"a\.parquet, row group 1: it is damaged or out"):
        stream.batch(0)


def test_what_cannot_be_streamed_is_named_at_once(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataBroken, match=r"no data file matches .*nothing-\*\.parquet"):
        source((tmp_path / "nothing-*.parquet",))
    with pytest.raises(DataBroken, match=r"no such data file: .*missing\.parquet"):
        source((tmp_path / "missing.parquet",))
    with pytest.raises(DataBroken, match=r"nowhere://a\.parquet: this kind of address cannot be read here"):
        source(("nowhere://a.parquet",))
    with pytest.raises(DataBroken, match=r"5 row group\(s\) in .*a\.parquet cannot be shared out among 6 process"):
        source((folder / "a.parquet",), rank=0, count=6)
    with pytest.raises(ValueError, match=r"ranks are 0\.\.1, got 2"):
        source((folder / "a.parquet",), rank=2, count=2)
    with pytest.raises(ValueError, match="steps_per_window must be at least 1, got 0"):
        dataclasses.replace(CONFIG, steps_per_window=0)


def test_groups_that_no_row_has_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", 0, 40, [1, 4])
    with source((file,)) as stream, pytest.raises(DataBroken, match="no face of the age group 7-9"):
        stream.one_of_each()
    with (
        source((file,), groups=FOUR) as stream,
        pytest.raises(DataBroken, match=r"no face of 15 years or more in .*mix"),
    ):
        stream.batch(0)


def test_a_grid_reads_each_row_group_once(folder: Path) -> None:
    class Watched(LocalFileSystem):  # type: ignore[misc]
        opened = 0

        def open(self, *arguments: Any, **options: Any) -> Any:
            Watched.opened += 1
            return super().open(*arguments, **options)

    with source((folder / "a.parquet",)) as stream:
        stream.files[0].filesystem = Watched()
        stream.one_of_each()
    assert Watched.opened == 2, "once for the labels, once for the pictures"


@pytest.mark.parametrize(("count", "held"), [(1, 2), (2, 1), (4, 1), (1, 100)])
def test_no_window_is_larger_than_told(folder: Path, count: int, held: int) -> None:
    config = dataclasses.replace(CONFIG, row_groups_per_window=held)
    for rank in range(count):
        stream = source((folder / "*.parquet",), config, rank=rank, count=count)
        windows = [stream.row_groups_of(number) for number in range(3 * stream.windows_per_epoch)]
        rows = [sum(file.num_rows(part) for file, part in map(stream.row_groups.__getitem__, one)) for one in windows]
        assert max(rows) <= stream.most_faces <= 20 * (held + 1)
        stream.close()


def test_a_closed_source_says_so(folder: Path) -> None:
    with source((folder / "*.parquet",)) as stream:
        stream.batch(0)
    for step in (0, 30):
        with pytest.raises(ValueError, match="closed"):
            stream.batch(step)


def test_the_next_window_is_loaded_ahead_and_no_more(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", 0, 80, AGES)
    config = dataclasses.replace(CONFIG, row_groups_per_window=1)
    with source((file,), config) as stream:
        stream.batch(0)
        stream._windows[1].wait(30)
        file.unlink()
        stream.batch(5)
        with pytest.raises(DataBroken, match=r"a\.parquet, row group \d: it is damaged or out of reach"):
            stream.batch(6)
