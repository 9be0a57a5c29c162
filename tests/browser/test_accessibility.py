"""axe-core over every tab, empty and filled, light and dark: nothing serious for those who hear it or use its keys."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import tour
from tests.browser.conftest import ROOT, OpenPage

pytestmark = pytest.mark.browser

AXE = ROOT / ".venv" / "axe.min.js"
FADED_MS = 400
"""Until a tab or a picture has faded in; half way its contrast is too little."""
SHOWS = (
    tour.show_ages,
    tour.show_card,
    tour.show_verdicts,
    tour.show_thresholds,
    tour.show_person,
    tour.show_counts,
    tour.show_pairs,
    tour.show_film,
)


def findings(page: Page, only: tuple[str, ...] = ()) -> list[str]:
    """What axe-core calls serious or critical, with the elements concerned, by all of its rules or only some."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    options = {"resultTypes": ["violations"], **({"runOnly": list(only)} if only else {})}
    result: dict[str, Any] = page.evaluate("(options) => axe.run(document, options)", options)
    assert result["passes"], "axe looked at nothing"
    return [
        f"{found['id']}: {node['target']} {node['failureSummary'][:200]}"
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core here; make axe fetches it from the npm registry")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: OpenPage, scheme: str) -> None:
    page = open_page(1280, 1000, scheme)
    found = {}
    for name in tour.TABS:
        tour.open_tab(page, name)
        page.wait_for_timeout(FADED_MS)
        found[name] = findings(page)
    assert found == {name: [] for name in tour.TABS}


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core here; make axe fetches it from the npm registry")
def test_axe_finds_nothing_serious_in_what_was_made(open_page: OpenPage) -> None:
    page = open_page(1280, 1000)
    found = {}
    for show in SHOWS:
        page.emulate_media(color_scheme="light")
        show(page)
        page.wait_for_timeout(FADED_MS)
        found[show.__name__] = findings(page)
        page.emulate_media(color_scheme="dark")
        expect(page.locator("body.dark")).to_be_visible()
        page.wait_for_timeout(FADED_MS)
        found[show.__name__] += findings(page, ("color-contrast",))
    assert {state: faults for state, faults in found.items() if faults} == {}
