"""An annotator at the real Label Studio page in Chromium; what they type arrives in the archive."""

# ruff: noqa: F401, F811 (the fixtures of tests/labelling, and those who take them)

import csv
import io
import os
from collections.abc import Callable, Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from cafdata.archive import Archive
from cafdata.queue import ReviewItem, ReviewQueue
from core.cells import FORMULA_SIGNS, text_cell
from curation.labelling.client import LabelStudio
from curation.labelling.project import Kind, ProjectPlan
from curation.labelling.pulling import pull
from curation.labelling.pushing import PushPlan, push
from curation.labelling.selection import Selection
from curation.labelling.server import OWNER, Server
from curation.labelling.sync import find
from tests.labelling.conftest import MakeArchive, make_archive, program, server, studio
from tests.make_archive import drawn_picture

LogIn = Callable[..., Page]
PASSWORD = "a-password-for-tests-1"


def project_of(studio: LabelStudio, archive: Archive, kind: Kind) -> int:
    found = find(studio.projects(), ProjectPlan(kind=kind, archive_name=archive.folder.name))
    assert found is not None
    return found.number


def plan_of(archive: Archive) -> PushPlan:
    return PushPlan(archive_name=archive.folder.name, selection=Selection(share_by_several=1.0, num_gold=0))


@pytest.fixture
def log_in(server: Server, browser: Browser) -> Iterator[LogIn]:
    """Logs in as the owner, or signs up by the invitation as somebody new; a dialog or a foreign request fails."""
    wrong: list[str] = []
    contexts = []

    def go(email: str = OWNER, width: int = 1280, height: int = 900) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: note(request.url))
        path, password = "/user/login/", server.secrets.password
        if email != OWNER:
            path, password = invitation(server), PASSWORD
        page.goto(server.access.url + path)
        page.fill("input[name=email]", email)
        page.fill("input[name=password]", password)
        page.keyboard.press("Enter")
        expect(page).not_to_have_url(server.access.url + path)
        page.wait_for_load_state()
        return page

    def note(url: str) -> None:
        if not url.startswith((server.access.url, "data:", "blob:")):
            wrong.append(f"asked elsewhere: {url}")

    yield go
    for context in contexts:
        context.close()
    assert [one for one in wrong if one.startswith("dialog")] == []


def invitation(running: Server) -> str:
    headers = {"Authorization": f"Token {running.access.token}"}
    return str(httpx2.get(f"{running.access.url}/api/invite", headers=headers, trust_env=False).json()["invite_url"])


def open_queue(page: Page, server: Server, project: int) -> None:
    page.goto(f"{server.access.url}/projects/{project}/data?labeling=1")
    expect(page.locator(".lsf-image img").first).to_be_visible()
    close = page.get_by_role("button", name="OK", exact=True)
    if close.count():
        close.first.click()


def test_an_annotator_types_an_age_and_it_arrives(
    server: Server,
    studio: LabelStudio,
    make_archive: MakeArchive,
    log_in: LogIn,
) -> None:
    changes = {"age_min_years": 0.0, "age_max_years": 90.0, "age_provenance": "estimator"}
    archive = make_archive(pictures=[drawn_picture(number, 30, 96, **changes) for number in range(2)])
    push(studio, archive, plan_of(archive))
    page = log_in("anna@example.org")
    open_queue(page, server, project_of(studio, archive, "ages"))
    picture = page.locator(".lsf-image img").first
    assert picture.evaluate("one => one.naturalWidth") == 96
    number = page.locator("input[name=age]")
    assert number.input_value() == ""
    number.fill("34")
    number.press("Tab")
    for _ in range(4):
        page.keyboard.press("s")
    with page.expect_response(lambda one: "/annotations" in one.url and one.request.method == "POST") as sent:
        page.keyboard.press("Control+Enter")
    assert sent.value.status == 201
    expect(number).to_have_value("")
    page.keyboard.press("Tab")
    expect(number).to_be_focused()
    page.keyboard.type("5")
    page.keyboard.press("Tab")
    page.keyboard.press("c")
    expect(number).not_to_be_visible()
    with page.expect_response(lambda one: "/annotations" in one.url and one.request.method == "POST"):
        page.keyboard.press("Control+Enter")
    done = pull(studio, archive, archive.folder.name)
    assert (done.num_labels, done.refused) == (2, ())
    labels = [label for record in archive.records() for label in record.labels]
    aged = next(label for label in labels if label.verdict == "age")
    assert (aged.age_years, aged.confidence) == (34, 4)
    assert {label.verdict for label in labels} == {"age", "child"}
    assert len({label.annotator for label in labels}) == 1
    assert "anna" not in str(labels), "an address is nobody's business in an archive"


def test_the_page_fits_a_phone(
    server: Server,
    studio: LabelStudio,
    make_archive: MakeArchive,
    log_in: LogIn,
) -> None:
    archive = make_archive(1)
    push(studio, archive, plan_of(archive))
    page = log_in(width=390, height=844)
    open_queue(page, server, project_of(studio, archive, "ages"))
    for what in (page.locator(".lsf-image img").first, page.locator("input[name=age]"), page.get_by_label("Submit")):
        box = what.first.bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390


PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "<a href=javascript:alert(1)>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<math><mtext><img src=x onerror=alert(1)>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "</Text><Header value='x'/>",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<style>@import 'http://192.0.2.1/x'</style>",
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1+1)",
    '=HYPERLINK("http://192.0.2.1","x")',
    "＝1+1",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "<marquee onstart=alert(1)>x",
    "<object data=javascript:alert(1)>",
]


def test_scripts_and_formulas_in_fields_do_nothing(
    server: Server,
    studio: LabelStudio,
    make_archive: MakeArchive,
    log_in: LogIn,
) -> None:
    """Thirty payloads as reasons of the review queue, and as names of pictures and archive where those allow it."""
    assert len(PAYLOADS) == 30
    names = [f"p {text}" for text in PAYLOADS]
    pictures = [drawn_picture(number, 30, picture_id=name) for number, name in enumerate(names)]
    archive = make_archive(name="<img src=x onerror=alert(1)>", pictures=pictures)
    at = "2024-05-03T10:00:00+00:00"
    ReviewQueue(archive.folder).add(
        ReviewItem(kind="picture", picture_ids=(name,), reason=text, source=text, added_at=at)
        for name, text in zip(names, PAYLOADS, strict=True)
    )
    pushed = push(studio, archive, plan_of(archive))
    assert (pushed.projects["pictures"].num_new, pushed.without_picture) == (30, ())
    number = project_of(studio, archive, "pictures")
    page = log_in(height=3200)
    page.goto(f"{server.access.url}/projects")
    expect(page.get_by_text("pictures in doubt").first).to_be_visible()
    page.goto(f"{server.access.url}/projects/{number}/data")
    for text in PAYLOADS:
        expect(page.get_by_text(text_cell(text)).first).to_be_visible()
    tasks = [task["id"] for task in studio.tasks(number)]
    for task in tasks if os.environ.get("SOAK") == "full" else tasks[:5]:
        page.goto(f"{server.access.url}/projects/{number}/data?task={task}")
        expect(page.locator(".lsf-image img").first).to_be_visible()
    headers = {"Authorization": f"Token {server.access.token}"}
    url = f"{server.access.url}/api/projects/{number}/export?exportType=CSV&download_all_tasks=true"
    text = httpx2.get(url, headers=headers, timeout=60, trust_env=False).text
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 31
    assert [cell for row in rows for cell in row if cell.lstrip().startswith(FORMULA_SIGNS)] == []
