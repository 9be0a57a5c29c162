"""An archive's pictures found again by place, searched by text, group and licence, counted; changes are noticed."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cafdata.archive import Archive
from cafdata.catalogue import Catalogue, FolderFiles, Query
from cafdata.features import export
from cafdata.shards import FOLDER, ShardSize
from cafdata.summary import summarise
from core.errors import ArchiveBroken
from tests.make_archive import AGES, drawn_picture, make_archive


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Four people at six ages each, in shards of seven."""
    return make_archive(tmp_path / "people", 4, ShardSize(max_rows=7))


def open_catalogue(archive: Archive) -> Catalogue:
    return Catalogue(FolderFiles(archive.folder))


def test_every_picture_is_there_once_by_person_and_age(archive: Archive) -> None:
    archive.append([drawn_picture(0, 8)])  # comes last, belongs second
    catalogue = open_catalogue(archive)
    held = {picture.record.picture_id: picture for picture in archive.pictures()}
    assert len(catalogue) == len(held) == 25
    assert [catalogue.picture_id(row) for row in catalogue.rows_of("person-00000")][:3] == [
        "p00000/04",
        "p00000/08",
        "p00000/12",
    ]
    found = catalogue.pictures(list(range(len(catalogue)))[::-1])
    assert [held[picture.record.picture_id] for picture in found] == found
    assert [one.picture_id for one in catalogue.records([24, 0])] == [catalogue.picture_id(row) for row in (24, 0)]
    assert catalogue.row_of("p00002/25") == [picture.record.picture_id for picture in found[::-1]].index("p00002/25")


def test_search_by_text_group_and_licence(archive: Archive) -> None:
    archive.append([drawn_picture(9, 30, licence=None, author="Jo Pérez", attribution="by JO, from a book")])
    catalogue = open_catalogue(archive)
    assert catalogue.search(Query()).tolist() == list(range(25))
    assert {catalogue.person_id(row) for row in catalogue.search(Query(text="PERSON-00002"))} == {"person-00002"}
    assert len(catalogue.search(Query(text="00002", group=5))) == 1  # 25 is in 20-29
    assert [catalogue.picture_id(row) for row in catalogue.search(Query(text="pérez"))] == ["p00009/30"]
    assert [catalogue.picture_id(row) for row in catalogue.search(Query(licence="not stated"))] == ["p00009/30"]
    assert catalogue.licences == ("CC0-1.0", "not stated")
    assert len(catalogue.search(Query(text=".*"))) == 0, "a text is no pattern"


def test_counts_are_those_of_the_summary(archive: Archive) -> None:
    catalogue, counted = open_catalogue(archive), summarise(archive.records())
    assert catalogue.summary.as_json() == counted.as_json()
    assert sorted(map(tuple, catalogue.coverage)) == sorted(map(tuple, counted.coverage))
    assert catalogue.has_pictures
    assert catalogue.faces.ages_years[:6].tolist() == list(AGES)


def test_nobody_of_that_name(archive: Archive) -> None:
    catalogue = open_catalogue(archive)
    with pytest.raises(ArchiveBroken, match="no person person-9"):
        catalogue.rows_of("person-9")
    with pytest.raises(ArchiveBroken, match="no picture p9"):
        catalogue.row_of("p9")


def test_an_empty_archive_has_nothing(tmp_path: Path) -> None:
    catalogue = open_catalogue(Archive.create(tmp_path / "empty"))
    assert len(catalogue) == 0 and catalogue.people == () and catalogue.search(Query(text="a")).size == 0
    assert catalogue.coverage.shape == (0, 10) and catalogue.licences == ()


def test_a_file_that_went_or_changed_is_said_and_not_shown(archive: Archive) -> None:
    catalogue = open_catalogue(archive)
    place = archive.folder / FOLDER
    one, other = (place / name for name in catalogue.files.names[:2])
    swapped = one.read_bytes()
    one.write_bytes(other.read_bytes())
    with pytest.raises(ArchiveBroken, match="has changed"):
        catalogue.pictures(np.arange(7))
    one.write_bytes(swapped[:100])
    with pytest.raises(ArchiveBroken, match="cannot be read"):
        catalogue.pictures(np.arange(7))
    one.unlink()
    with pytest.raises(ArchiveBroken, match="cannot be read"):
        open_catalogue(archive)


def test_other_columns_and_names_that_hide_are_refused(archive: Archive) -> None:
    files = FolderFiles(archive.folder)
    path = archive.folder / FOLDER / files.names[0]
    table = pq.read_table(path)
    names = [f"\u202e{name}" for name in table.column("person_id").to_pylist()]
    column = table.schema.get_field_index("person_id")
    pq.write_table(table.set_column(column, table.schema.field(column), [names]), path)
    with pytest.raises(ArchiveBroken, match="unprintable character U\\+202E"):
        Catalogue(files)
    pq.write_table(table.drop_columns(["licence"]), path)
    with pytest.raises(ArchiveBroken, match="not those of our records"):
        Catalogue(files)


def test_an_edition_without_pictures(archive: Archive, tmp_path: Path) -> None:
    archive.assign({f"person-{number:05d}": "train" for number in range(4)}, archive.manifest.rule)
    export(archive, tmp_path / "given", with_pictures=False)

    class Given(FolderFiles):
        """The metadata of an export."""

        def __init__(self, folder: Path) -> None:
            super().__init__(archive.folder)
            self.folder, self.names = folder, tuple(sorted(path.name for path in (folder / "metadata").iterdir()))

    (tmp_path / "given" / FOLDER).symlink_to(tmp_path / "given" / "metadata")
    catalogue = Catalogue(Given(tmp_path / "given"))
    assert not catalogue.has_pictures and len(catalogue.records([0, 1])) == 2
    with pytest.raises(ArchiveBroken, match="without its pictures"):
        catalogue.pictures([0])


def test_pictures_of_nobody_are_refused(archive: Archive) -> None:
    path = sorted((archive.folder / FOLDER).iterdir())[0]
    table = pq.read_table(path)
    place = table.schema.get_field_index("person_id")
    nobody = pa.array([None, *table.column("person_id").to_pylist()[1:]], pa.string())
    pq.write_table(table.set_column(place, table.schema.field(place), nobody), path)
    with pytest.raises(ArchiveBroken, match="of nobody"):
        open_catalogue(archive)
