"""Every file that a visitor saves, or sees, is the one that was signed, byte by byte, with all its marks."""

import io
import urllib.request
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.inspection import Findings, inspect
from tests.browser.conftest import OpenPage
from tests.browser.test_transform import show_ages, take_astronaut

pytestmark = pytest.mark.browser


def saved(page: Page, button: str) -> tuple[str, bytes]:
    with page.expect_download() as saving:
        page.click(button)
    return saving.value.suggested_filename, Path(saving.value.path()).read_bytes()


def look(data: bytes, folder: Path) -> Findings:
    path = folder / "file"
    path.write_bytes(data)
    return inspect(path)


def require_marks(data: bytes, folder: Path, ages: tuple[str, ...]) -> None:
    found = look(data, folder)
    assert found.has_label and found.is_watermarked, found
    assert found.provenance is not None and found.provenance.is_valid and not found.provenance.is_trusted
    assert found.provenance.made is not None
    assert (found.provenance.made.model, found.provenance.made.ages) == ("agetrans-192-10", ages)


def test_what_is_saved_and_shown_is_what_was_signed(open_page: OpenPage, cache: Path, tmp_path: Path) -> None:
    page = open_page()
    take_astronaut(page)
    show_ages(page)
    all_ages = tuple(page.locator("#strip .caption-label").all_inner_texts())
    for button, ages in (("#save-png", ("50-69",)), ("#save-sheet", all_ages), ("#save-gif", all_ages)):
        name, data = saved(page, button)
        laid = [path.read_bytes() for path in cache.rglob(name)]
        assert data in laid, f"{name} was changed on its way"
        require_marks(data, tmp_path, ages)

    _, data = saved(page, "#save-zip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        pictures = [name for name in archive.namelist() if name.endswith(".png")]
        assert len(pictures) == len(all_ages) + 1
        for name, age in zip(pictures, all_ages, strict=False):
            require_marks(archive.read(name), tmp_path, (age,))
        require_marks(archive.read("sheet.png"), tmp_path, all_ages)

    shown = page.locator("#strip .thumbnail-item img").evaluate_all("all => all.map(one => one.src)")
    assert len(shown) == len(all_ages)
    for address, age in zip(shown, all_ages, strict=True):
        with urllib.request.urlopen(address) as answer:
            require_marks(answer.read(), tmp_path, (age,))
    today = page.locator("#compare img >> nth=0").get_attribute("src")
    assert today is not None
    with urllib.request.urlopen(today) as answer:
        found = look(answer.read(), tmp_path)
    assert (found.has_label, found.is_watermarked, found.provenance) == (False, False, None), "it was not made here"
    expect(page.locator("#saving-note [role=alert]")).to_have_count(0)
