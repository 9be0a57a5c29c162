"""The Dataset tab's words: what an archive says cannot become markup; addresses lead out without telling from where."""

from pathlib import Path

from cafdata.catalogue import Catalogue, FolderFiles
from demo.dataset import words
from demo.language import Language
from tests.make_archive import drawn_picture, make_archive

SAY = Language("en")


def test_facts_are_inert_and_links_are_bare() -> None:
    attack = '"><img src=x onerror=alert(1)>'
    record = drawn_picture(
        0, 25, author=attack, licence=attack, source_url='https://example.org/"onmouseover="alert(1)'
    ).record
    told = words.facts(SAY, record)
    assert "<img" not in told and 'href="https://example.org/&quot;onmouseover=&quot;alert(1)"' in told
    assert told.count("<a ") == 1 and 'rel="noopener noreferrer nofollow"' in told


def test_the_map_names_people_page_by_page(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a", 43)
    archive.append([drawn_picture(99, 30, person_id="<b>x</b>")])
    catalogue = Catalogue(FolderFiles(archive.folder))
    first, second = (words.coverage(SAY, catalogue, number) for number in (0, 1))
    assert "People 1 to 40 of 44" in first and first.count('scope="row"') == 40
    assert "People 41 to 44 of 44" in second and second.count('scope="row"') == 4
    assert "&lt;b&gt;x&lt;/b&gt;" in second and second.count('scope="col"') == 10
    counts = words.counted(SAY, catalogue.summary)
    assert "CC0-1.0" in counts and "Years between two pictures" in counts
