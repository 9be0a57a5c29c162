"""Trees laid out exactly as each data set is, with drawn pictures, and the same trees with faults in them."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cafdata.readers.cacd import parse_cacd
from cafdata.readers.ffhq import group_years
from cafdata.readers.fgnet import parse_fgnet, parse_points
from cafdata.readers.found import Fault, Finding, Found, shown, whole_age
from cafdata.readers.layouts import LAYOUTS
from cafdata.readers.morph import parse_morph
from cafdata.readers.names import parse_agedb, parse_caf, parse_utkface
from core.errors import DataBroken
from tests.drawn import face


def draw(path: Path, age_years: int = 30, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    form = "PNG" if path.suffix == ".png" else "JPEG"
    buffer = io.BytesIO()
    face(age_years, seed % 2, np.random.default_rng(seed), 32).save(buffer, form)
    path.write_bytes(buffer.getvalue())
    return path


def write_csv(path: Path, rows: Sequence[Sequence[object]], encoding: str = "utf-8") -> None:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows(rows)


def findings(layout: str, folder: Path) -> list[Finding]:
    return list(LAYOUTS[layout].find(folder))


def pictures(layout: str, folder: Path) -> list[Found]:
    every = findings(layout, folder)
    assert [str(finding) for finding in every if isinstance(finding, Fault)] == []
    return [finding for finding in every if isinstance(finding, Found)]


def faults(layout: str, folder: Path) -> dict[str, str]:
    return {finding.where: finding.reason for finding in findings(layout, folder) if isinstance(finding, Fault)}


def ages(found: Sequence[Found]) -> list[tuple[float, float]]:
    return [(one.age_min_years, one.age_max_years) for one in found]


def test_caf_says_sex_person_and_age(tmp_path: Path) -> None:
    path = draw(tmp_path / "males" / "Ben Oak" / "Ben_Oak_7.jpg")
    draw(tmp_path / "males" / "Ben Oak" / "Ben_Oak_31.jpg", seed=2)
    draw(tmp_path / "females" / "Ünal Ağaç" / "x_80.JPG", seed=1)
    (tmp_path / "males" / "Ben Oak" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "males" / ".DS_Store").write_bytes(b"x")
    found = pictures("caf", tmp_path)
    assert [(one.person, one.sex) for one in found] == [("Ünal Ağaç", "female"), *2 * [("Ben Oak", "male")]]
    assert ages(found) == [(80, 80), (31, 31), (7, 7)]
    assert found[2].read() == path.read_bytes()
    assert {one.age_provenance for one in found} == {"given"}


def test_caf_names_each_fault(tmp_path: Path) -> None:
    for name in ("a_-5.jpg", "a_1e9.jpg", "a_abc.jpg", "a_NaN.jpg", "a_131.jpg", "a_٣.jpg", "a.jpg", "a_4.5.jpg"):
        draw(tmp_path / "males" / "Ben" / name)
    draw(tmp_path / "males" / "lost_4.jpg")
    draw(tmp_path / "others" / "Ben" / "a_4.jpg")
    draw(tmp_path / "females" / "unknown" / "a_4.jpg")
    draw(tmp_path / "females" / "=cmd()" / "a_4.jpg")
    draw(tmp_path / "females" / "Ann\u202egpj" / "a_4.jpg")
    found = faults("caf", tmp_path)
    assert len(found) == 13
    assert found["males/Ben/a_1e9.jpg"] == "age '1e9' is no whole number of years between 0 and 130"
    assert "whose picture it is is unknown" in found["males/lost_4.jpg"]
    assert "names nobody" in found["females/unknown/a_4.jpg"]
    assert "formula" in found["females/=cmd()/a_4.jpg"]
    hidden = next(finding for finding in findings("caf", tmp_path) if "Ann" in finding.where)
    assert "\u202e" not in str(hidden) and "U+202E" in str(hidden)


def test_fgnet_reads_people_ages_and_points(tmp_path: Path) -> None:
    draw(tmp_path / "images" / "001A02.JPG")
    draw(tmp_path / "images" / "001A43a.JPG", seed=2)
    draw(tmp_path / "images" / "082A08.JPG", seed=4)
    points = [(float(number), 100.0 + number) for number in range(68)]
    points[31], points[36], points[67], points[48], points[54] = (20, 10), (12, 11), (16, 15), (13, 20), (19, 21)
    (tmp_path / "points").mkdir()
    (tmp_path / "points" / "001a02.pts").write_text(points_file(points))
    found = pictures("fgnet", tmp_path)
    assert [(one.person, one.age_min_years) for one in found] == [("001", 2), ("001", 43), ("082", 8)]
    assert found[0].points == ((12, 11), (20, 10), (16, 15), (13, 20), (19, 21))
    assert found[1].points is None


def points_file(points: Sequence[tuple[float, float]]) -> str:
    return "version: 1\nn_points: 68\n{\n" + "".join(f"{x} {y}\r\n" for x, y in points) + "}\n"


@pytest.mark.parametrize("text", ["", "version: 1\nn_points: 68\n{\n1 2\n}\n", points_file([(float("nan"), 1)] * 68)])
def test_fgnet_refuses_other_points(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"points file|no number"):
        parse_points(text)
    draw(tmp_path / "001A02.JPG")
    (tmp_path / "001A02.pts").write_text(text)
    assert list(faults("fgnet", tmp_path)) == ["001A02.JPG"]


def test_utkface_reads_its_own_malformed_names(tmp_path: Path) -> None:
    names = {
        "26_1_2_20170116184024662.jpg.chip.jpg": (26, "female", "Asian"),
        "116_1_2_20170112220255503.jpg": (116, "female", "Asian"),
        "39_1_20170116174525125.jpg.chip.jpg": (39, "female", None),
        "61_1_20170109142408075.jpg": (61, "female", None),
        "53__0_20170116184028385.jpg": (53, None, "White"),
        "24_0_1_20170116220224657 .jpg": (24, "male", "Black"),
        "55_0_0_20170116232725357jpg": (55, "male", "White"),
        "44_1_4_20170116235150272.pg.chip.jpg": (44, "female", "Others"),
    }
    for number, name in enumerate(names):
        draw(tmp_path / "part1" / name, seed=number)
    found = {one.where.removeprefix("part1/"): one for one in pictures("utkface", tmp_path)}
    assert {name: (one.age_min_years, one.sex, one.ethnicity) for name, one in found.items()} == names
    assert len({one.person for one in found.values()}) == len(names)
    assert {one.framing for name, one in found.items() if ".chip" in name} == {"utkface"}
    assert found["116_1_2_20170112220255503.jpg"].framing is None


@pytest.mark.parametrize(
    "name", ["-5_0_0_20170116184024662", "26_3_0_20170116184024662", "26_0_5_20170116184024662", "26_0_0", "x"]
)
def test_utkface_refuses_other_names(name: str, tmp_path: Path) -> None:
    draw(tmp_path / f"{name}.jpg")
    assert list(faults("utkface", tmp_path)) == [f"{name}.jpg"]


def pack(path: Path, rows: Sequence[dict[str, object]], row_group_size: int = 2) -> None:
    pq.write_table(pa.Table.from_pylist([*rows]), path, row_group_size=row_group_size)


def pack_row(number: int, **changes: object) -> dict[str, object]:
    row = {"file": f"{number}.jpg", "age": 3 * number, "gender": number % 2, "race": number % 5, "jpeg": b"%d" % number}
    return row | changes


def test_utkface_pack_reads_each_picture_with_its_labels(tmp_path: Path) -> None:
    pack(tmp_path / "a.parquet", [pack_row(number) for number in range(5)])
    pack(tmp_path / "b.parquet", [pack_row(number) for number in range(5, 8)])
    found = []
    for one in LAYOUTS["utkface-pack"].find(tmp_path):
        assert isinstance(one, Found)
        found.append((one.key, one.age_min_years, one.sex, one.ethnicity, one.read()))
    races = ("White", "Black", "Asian", "Indian", "Others")
    assert found == [(f"{n}.jpg", 3 * n, ("male", "female")[n % 2], races[n % 5], b"%d" % n) for n in range(8)]


def test_utkface_pack_names_rows(tmp_path: Path) -> None:
    rows = [pack_row(0), pack_row(1, age=-5), pack_row(2, age=None), pack_row(3, gender=7), pack_row(4, race=9)]
    pack(tmp_path / "a.parquet", [*rows, pack_row(5, file="\u202ex"), pack_row(6, file=None)])
    assert list(faults("utkface-pack", tmp_path)) == [f"a.parquet, row {number}" for number in range(1, 7)]
    pack(tmp_path / "b.parquet", [pack_row(0, age=float("nan"))])
    assert faults("utkface-pack", tmp_path)["b.parquet, row 0"].startswith("age nan is no whole")
    (tmp_path / "c.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-20])
    with pytest.raises(DataBroken, match=r"c\.parquet is no Parquet file"):
        findings("utkface-pack", tmp_path)


def test_agedb(tmp_path: Path) -> None:
    draw(tmp_path / "0_MariaCallas_35_f.jpg")
    draw(tmp_path / "16458_de_Niro_Jr_101_m.jpg", seed=2)
    found = pictures("agedb", tmp_path)
    assert [(one.person, one.age_min_years, one.sex) for one in found] == [
        ("MariaCallas", 35, "female"),
        ("de_Niro_Jr", 101, "male"),
    ]
    for name in ("0_A_35_x.jpg", "0_A_350_f.jpg", "x_A_35_f.jpg", "0_@A_35_f.jpg", "0_35_f.jpg"):
        draw(tmp_path / "broken" / name)
    assert len(faults("agedb", tmp_path)) == 5


def test_cacd_without_metadata(tmp_path: Path) -> None:
    draw(tmp_path / "CACD2000" / "14_Aaron_Johnson_0001.jpg")
    draw(tmp_path / "CACD2000" / "62_Robin_Williams_0012.jpg", seed=1)
    found = pictures("cacd", tmp_path)
    assert [one.person for one in found] == ["Aaron_Johnson", "Robin_Williams"]
    assert ages(found) == [(13, 14.999), (61, 62.999)]


def test_cacd_with_metadata_as_csv_or_as_published(tmp_path: Path) -> None:
    from scipy.io import savemat

    name = "14_Aaron_Johnson_0001.jpg"
    draw(tmp_path / "csv" / name)
    write_csv(tmp_path / "csv" / "celebrity2000.csv", [["Name", "Year", "Birth"], [name, 2004, 1990]])
    draw(tmp_path / "mat" / name)
    draw(tmp_path / "mat" / "30_Ann_Oak_0002.jpg", seed=1)
    names = np.array([[name], ["30_Ann_Oak_0002.jpg"]], dtype=object)
    images = {"name": names, "year": [[2004], [2010]], "birth": [[1990], [1980]], "identity": [[1], [2]]}
    savemat(tmp_path / "mat" / "celebrity2000_meta.mat", {"celebrityImageData": images})
    for folder, count in (("csv", 1), ("mat", 2)):
        found = pictures("cacd", tmp_path / folder)
        assert len(found) == count
        assert (found[0].born, found[0].captured, found[0].age_provenance) == ("1990", "2004", "dates")


def test_cacd_metadata_and_pictures_must_agree(tmp_path: Path) -> None:
    draw(tmp_path / "14_Aaron_Johnson_0001.jpg")
    draw(tmp_path / "15_Aaron_Johnson_0002.jpg", seed=1)
    draw(tmp_path / "15_Aaron_Johnson_0003.jpg", seed=2)
    rows = [["name", "year", "birth"], ["14_Aaron_Johnson_0001.jpg", 2004, 1960]]
    rows += [["15_Aaron_Johnson_0002.jpg", "200x", 1989], ["only two", 1]]
    write_csv(tmp_path / "cacd.csv", rows, "utf-8-sig")
    found = faults("cacd", tmp_path)
    assert "is not 2004 less 1960" in found["14_Aaron_Johnson_0001.jpg"]
    assert found["cacd.csv, line 3"] == "year '200x' is no year"
    assert found["cacd.csv, line 4"] == "it has 2 cells, the header 3"
    assert found["15_Aaron_Johnson_0003.jpg"] == "cacd.csv has no row of it"
    (tmp_path / "celebrity2000_meta.mat").write_bytes(b"nothing")
    with pytest.raises(DataBroken, match="leave one"):
        findings("cacd", tmp_path)
    (tmp_path / "cacd.csv").unlink()
    with pytest.raises(DataBroken, match="celebrityImageData"):
        findings("cacd", tmp_path)


MORPH = ["id_num", "picture_num", "dob", "doa", "race", "gender", "facial_hair", "age", "age_diff", "glasses", "photo"]


def morph_row(name: str, **changes: object) -> list[object]:
    row: dict[str, object] = dict.fromkeys(MORPH, "")
    row |= {"id_num": 9055, "dob": "5/27/1950 0:00", "doa": "12/1/2004", "race": "B", "gender": "M", "age": 54}
    row |= {"photo": f"Album2/{name}"} | changes
    return [*row.values()]


def test_morph_names_and_album(tmp_path: Path) -> None:
    draw(tmp_path / "Album2" / "009055_1M54.JPG")
    draw(tmp_path / "Album2" / "012345_12F17.JPG", seed=1)
    assert ages(pictures("morph", tmp_path)) == [(54, 54), (17, 17)]
    other = morph_row("012345_12F17.JPG", dob="", race="", age=17)
    write_csv(tmp_path / "MORPH_album2.csv", [MORPH, morph_row("009055_1M54.JPG"), other])
    first, second = pictures("morph", tmp_path)
    assert (first.person, first.sex, first.ethnicity) == ("009055", "male", "Black")
    assert (first.born, first.captured, first.age_provenance) == ("1950-05-27", "2004-12-01", "dates")
    assert first.age_min_years == first.age_max_years == pytest.approx(54.515, abs=0.01)
    assert (second.sex, second.born, second.age_provenance, second.age_min_years) == ("female", None, "given", 17)


def test_morph_names_rows_and_files(tmp_path: Path) -> None:
    names = [f"00000{number}_1M54.JPG" for number in range(7)]
    for number, name in enumerate([*names, "9_1M54.JPG", "000009_1X54.JPG"]):
        draw(tmp_path / "Album2" / name, seed=number)
    rows = [morph_row(names[0], age="NaN"), morph_row(names[1], dob="31/31/1950"), morph_row(names[2], race="Q")]
    rows += [morph_row(names[3], dob="5/27/1970"), morph_row(names[4]), morph_row(names[4])]
    write_csv(tmp_path / "album.csv", [MORPH, *rows, morph_row(names[5], dob="1/1/2010")])
    found = faults("morph", tmp_path)
    assert [found[f"album.csv, line {line}"].partition(" ")[0] for line in (2, 3, 4)] == ["age", "dob", "race"]
    assert "has a row already" in found["album.csv, line 7"]
    assert "contradicts the dates" in found[f"Album2/{names[3]}"]
    assert "cannot show someone born" in found[f"Album2/{names[5]}"]
    assert "no usable row" in found[f"Album2/{names[6]}"]
    assert {"Album2/9_1M54.JPG", "Album2/000009_1X54.JPG"} < set(found)
    assert f"Album2/{names[4]}" not in found


FFHQ = [
    *("image_number", "age_group", "age_group_confidence", "gender", "gender_confidence", "head_pitch", "head_roll"),
    *("head_yaw", "left_eye_occluded", "right_eye_occluded", "glasses"),
]


def ffhq_row(number: object, group: str = "20-29", gender: str = "female", confidence: object = 0.9) -> list[object]:
    return [number, group, confidence, gender, 1.0, -2.5, -1, 12.0, 0.1, 0.2, "None"]


def test_ffhq_aging_labels_and_folders(tmp_path: Path) -> None:
    draw(tmp_path / "images1024x1024" / "00000" / "00000.png")
    draw(tmp_path / "images1024x1024" / "69000" / "69999.png", seed=1)
    draw(tmp_path / "thumbnails128x128" / "00000" / "00001.png", seed=2)
    rows = [ffhq_row(0, "0-2"), ffhq_row(1), ffhq_row(69999, "70-120", "male", -1)]
    write_csv(tmp_path / "ffhq_aging_labels.csv", [FFHQ, *rows])
    first, second = pictures("ffhq-aging", tmp_path)
    assert ages([first, second]) == [(0, 2), (70, 120)]
    assert (first.sex, second.sex, first.framing) == ("female", "male", "ffhq")
    assert first.quality == {
        "age_group_confidence": 0.9,
        "gender_confidence": 1.0,
        "head_pitch": -2.5,
        "head_roll": -1.0,
        "head_yaw": 12.0,
    }
    assert "age_group_confidence" not in second.quality


def test_ffhq_names_rows_and_pictures(tmp_path: Path) -> None:
    for number in range(5):
        draw(tmp_path / "images1024x1024" / "00000" / f"{number:05d}.png", seed=number)
    draw(tmp_path / "images1024x1024" / "00000" / "cover.png")
    rows = [ffhq_row(0, "50-59"), ffhq_row(1, gender="both"), ffhq_row(2, confidence="nan"), ffhq_row(3), ffhq_row(3)]
    write_csv(tmp_path / "ffhq_aging_labels.csv", [FFHQ, *rows, ffhq_row(70000)])
    found = faults("ffhq-aging", tmp_path)
    where = "images1024x1024/00000"
    assert set(found) == {
        "ffhq_aging_labels.csv, line 6",
        "ffhq_aging_labels.csv, line 7",
        f"{where}/00000.png (ffhq_aging_labels.csv, line 2)",
        f"{where}/00001.png (ffhq_aging_labels.csv, line 3)",
        f"{where}/00002.png (ffhq_aging_labels.csv, line 4)",
        f"{where}/00004.png",
        f"{where}/cover.png",
    }


@pytest.mark.parametrize("content", [b"", b"image_number,age_group\n", b"\xff\xfe\x00", None])
def test_a_table_that_is_none_is_named(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "ffhq_aging_labels.csv").write_bytes(content)
    with pytest.raises(DataBroken, match=r"ffhq_aging_labels\.csv"):
        findings("ffhq-aging", tmp_path)


def refusal(parse: Callable[[Any], object], value: object) -> str | None:
    """What the ValueError says; None if there is none."""
    try:
        parse(value)
    except ValueError as error:
        return str(error)
    return None


@given(st.one_of(st.text(), st.integers().map(str), st.floats().map(str)))
def test_an_age_is_a_whole_number_in_range_or_refused(text: str) -> None:
    is_age = text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 130
    sentence = refusal(whole_age, text)
    assert (sentence is None) == is_age
    assert sentence is None or sentence.isprintable()


@given(st.text(st.characters(exclude_characters="/\0"), max_size=60))
def test_parsers_refuse_with_one_printable_sentence(name: str) -> None:
    for parse in (parse_caf, parse_utkface, parse_agedb, parse_fgnet, parse_cacd, parse_morph):
        sentence = refusal(parse, Path("males") / "Ben" / f"{name}.jpg") or ""
        assert shown(sentence) == sentence or len(sentence) > 200


def test_groups_of_ffhq_aging() -> None:
    assert group_years("50-69") == (50, 69)
    for wrong in ("70+", "50-59", "", "=1+1"):
        with pytest.raises(ValueError, match="age_group"):
            group_years(wrong)
