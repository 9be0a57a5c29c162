"""The pages: well-formed, with the controls that labels are read by, and no number or group given away."""

import re
from xml.etree import ElementTree

import pytest

from cafdata.queue import DECISIONS
from cafdata.record import VERDICTS
from curation.labelling import page
from curation.labelling.labels import TYPES
from curation.labelling.project import KINDS, ProjectPlan


def tags(xml: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(xml).iter())  # our own text, nothing foreign


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_xml_and_ask_only_what_is_read_back(kind: str) -> None:
    xml = ProjectPlan(kind=kind, archive_name="faces", has_photos=True).label_config()  # type: ignore[arg-type]
    controls = {tag.tag: tag.get("name") for tag in tags(xml) if tag.get("toName")}
    kinds = {"Number": "number", "Choices": "choices", "Rating": "rating"}
    assert controls
    assert all(TYPES[str(name)] == kinds[tag] for tag, name in controls.items())


def test_the_age_is_a_plain_number_with_nothing_filled_in() -> None:
    xml = page.age_page(has_photos=True, is_disputed=False)
    (number,) = [tag for tag in tags(xml) if tag.tag == "Number"]
    assert (number.get("min"), number.get("max"), number.get("required")) == ("0", "130", "true")
    assert number.get("defaultValue") is None
    words = re.sub(r"<Style>.*?</Style>", "", xml, flags=re.DOTALL)
    assert not re.search(r"\d\d-\d\d|group|estimate", words)


def test_every_choice_has_a_key_of_its_own() -> None:
    for words in (page.PROBLEMS, page.PICTURE_CHOICES, page.PAIR_CHOICES):
        keys = [page.KEYS[word] for word in words]
        assert len(set(keys)) == len(keys)
        assert "s" not in keys


def test_words_stand_for_what_records_and_queue_know() -> None:
    assert set(page.PROBLEMS.values()) == set(VERDICTS) - {"age"}
    assert set(page.PICTURE_CHOICES.values()) == set(DECISIONS["picture"])
    assert set(page.PAIR_CHOICES.values()) == set(DECISIONS["pair"])


def test_whole_photos_show_where_there_are_some() -> None:
    assert page.shows_photos(page.age_page(has_photos=True, is_disputed=False))
    assert not page.shows_photos(page.age_page(has_photos=False, is_disputed=True))


@pytest.mark.parametrize("name", ["", " ", "a" * 40, "=cmd", "two\nlines"])
def test_names_that_no_project_can_have(name: str) -> None:
    with pytest.raises(ValueError, match="archive_name"):
        ProjectPlan(kind="ages", archive_name=name)


def test_plans_say_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="num_annotators"):
        ProjectPlan(kind="ages", archive_name="faces", num_annotators=0)
    with pytest.raises(ValueError, match="kind"):
        ProjectPlan(kind="groups", archive_name="faces")  # type: ignore[arg-type]
    plan = ProjectPlan(kind="ages", archive_name="faces", num_annotators=3).as_json()
    assert (plan["maximum_annotations"], plan["show_collab_predictions"]) == (3, False)
