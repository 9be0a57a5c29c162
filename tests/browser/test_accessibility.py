"""axe-core over every tab, light and dark: nothing serious in the way of those who hear the page or use its keys."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, OpenPage

pytestmark = pytest.mark.browser

AXE = ROOT / ".venv" / "axe.min.js"
TABS = ("transform", "live", "video", "verify", "dataset")


def findings(page: Page) -> list[str]:
    """What axe-core calls serious or critical, with the elements concerned."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    result: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert result["passes"], "axe looked at nothing"
    return [
        f"{found['id']}: {node['target']} {node['failureSummary'][:200]}"
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


def open_tab(page: Page, name: str) -> None:
    page.locator(f"#tab-{name}-button").first.click()
    expect(page.locator(f"#tab-{name}")).to_be_visible()


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core here; make axe fetches it from the npm registry")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: OpenPage, scheme: str) -> None:
    page = open_page(1280, 1000, scheme)
    found = {}
    for name in TABS:
        open_tab(page, name)
        page.wait_for_timeout(400)  # a tab fades in; half way its contrast is too little
        found[name] = findings(page)
    assert found == {name: [] for name in TABS}
