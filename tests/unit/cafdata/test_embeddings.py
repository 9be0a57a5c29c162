"""The working folder of embeddings: outside archives, resumed, removed; faces that cannot be read are named."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from cafdata.embeddings import WorkingFolder, embed
from cafdata.readers.found import Finding, Found
from core.detect import FacePack, open_pack
from core.errors import ScoresBroken
from core.images import encode_png

SHA256 = "a" * 64


@pytest.fixture(scope="module")
def pack() -> FacePack:
    return open_pack("embedded")


def found(where: str, data: bytes) -> Found:
    ages = {"age_min_years": 30.0, "age_max_years": 30.0}
    return Found(where=where, key=where, person=where, age_provenance="given", read=lambda: data, **ages)


FACE = encode_png(astronaut()[:300, 100:350])
MIRRORED = encode_png(np.ascontiguousarray(astronaut()[:300, 350:100:-1]))
WALL = encode_png(np.full((120, 120, 3), 170, dtype=np.uint8))
ALL = [found("face", FACE), found("wall", WALL), found("mirrored", MIRRORED), found("again", FACE)]


def test_faces_only_each_once_and_as_the_pack_sees_them(pack: FacePack, tmp_path: Path) -> None:
    seen = embed(lambda: iter(ALL), {0, 1, 2, 3}, pack, WorkingFolder(tmp_path / "w", SHA256))
    assert seen.rows.tolist() == [0, 2] and (seen.num_without_face, seen.num_repeated) == (1, 1)
    photo = astronaut()[:300, 100:350]
    expected = pack.embed(photo, pack.detect(photo)[0])
    np.testing.assert_array_equal(seen.embeddings[0], expected)
    some = embed(lambda: iter(ALL), {2}, pack, WorkingFolder(tmp_path / "other", SHA256))
    assert some.rows.tolist() == [2] and some.digest != seen.digest


def test_a_run_that_was_broken_off_goes_on(pack: FacePack, tmp_path: Path) -> None:
    """What was embedded is not embedded again: the second time the picture's bytes are enough."""

    def breaks_off() -> Iterator[Finding]:
        yield from ALL[:2]
        raise KeyboardInterrupt

    folder = tmp_path / "w"
    with pytest.raises(KeyboardInterrupt):
        embed(breaks_off, {0, 1, 2}, pack, WorkingFolder(folder, SHA256))
    again = WorkingFolder(folder, SHA256)
    (part,) = folder.glob("*.npz")
    with np.load(part) as arrays:
        kept = arrays["sha256"].tolist()
    assert len(kept) == 2 and all(name in again for name in kept)
    assert [len(again[name]) for name in kept] == [128, 0]
    assert not any(name in WorkingFolder(folder, "b" * 64) for name in kept)  # another recogniser's
    marked = np.ones(128, dtype=np.float32)
    again._known[kept[0]] = marked
    np.testing.assert_array_equal(embed(lambda: iter(ALL[:1]), {0}, pack, again).embeddings[0], marked)


def test_embeddings_are_gone_when_done(pack: FacePack, tmp_path: Path) -> None:
    working = WorkingFolder(tmp_path / "w", SHA256)
    embed(lambda: iter(ALL), {0}, pack, working)
    (part,) = (tmp_path / "w").glob("*.npz")
    (tmp_path / "w" / f".{part.name}.x1.part").write_bytes(b"half of one")  # a killed run leaves such
    working.discard()
    assert list(tmp_path.iterdir()) == []


def test_no_embedding_lies_in_an_archive_or_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    for folder in (tmp_path, tmp_path / "deep" / "down"):
        with pytest.raises(ScoresBroken, match="lies in an archive"):
            WorkingFolder(folder, SHA256)
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ScoresBroken, match="holds something else"):
        WorkingFolder(tmp_path, SHA256)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and no more", b"\x93NUMPY", b"nothing of the kind"])
def test_a_damaged_part_is_named(data: bytes, tmp_path: Path) -> None:
    WorkingFolder(tmp_path, "a" * 64)
    (tmp_path / f"embeddings-{'a' * 16}-00000064.npz").write_bytes(data)
    with pytest.raises(ScoresBroken, match=r"00000064\.npz is damaged: delete it"):
        WorkingFolder(tmp_path, "a" * 64)


def test_a_folder_with_another_readme_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_bytes(b"\xff no UTF-8")
    with pytest.raises(ScoresBroken, match="holds something else"):
        WorkingFolder(tmp_path, "a" * 64)


def test_a_picture_that_cannot_be_read_is_named(pack: FacePack, tmp_path: Path) -> None:
    broken = [*ALL[:1], found("letter", b"Dear Sir or Madam")]
    with pytest.raises(ScoresBroken, match=r"^letter: "):
        embed(lambda: iter(broken), {0, 1}, pack, WorkingFolder(tmp_path / "w", SHA256))
    assert len(list((tmp_path / "w").glob("*.npz"))) == 1
    with pytest.raises(ScoresBroken, match="finds a face in none of the 1 pictures"):
        embed(lambda: iter(ALL), {1}, pack, WorkingFolder(tmp_path / "v", SHA256))
