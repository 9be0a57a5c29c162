"""Every way into the app: what it answers, and that no answer goes without the guard's headers."""

import http.client
import json
from urllib.parse import urlsplit

import gradio as gr
import pytest
from gradio.routes import App

from demo.api.calls import Calls
from demo.api.mcp_tools import McpTools
from demo.delivery import Delivery
from demo.front import Front
from demo.guard import SECURITY_HEADERS, RequestLimits
from demo.language import NAMES
from tests.running_app import ROOT, RunningApp

OPEN, CLOSED, FORBIDDEN, MISSING = 200, 404, 403, 404

PROBES: dict[tuple[str, str], tuple[str, int]] = {
    ("GET", "/"): ("/", OPEN),
    ("HEAD", "/"): ("/", OPEN),
    ("GET", "/config"): ("/config", OPEN),
    ("GET", "/config/"): ("/config/", OPEN),
    ("GET", "/theme.css"): ("/theme.css", OPEN),
    ("GET", "/robots.txt"): ("/robots.txt", OPEN),
    ("GET", "/favicon.ico"): ("/favicon.ico", OPEN),
    ("GET", "/manifest.json"): ("/manifest.json", OPEN),
    ("GET", "/static/{path:path}"): ("/static/../../../../etc/passwd", FORBIDDEN),
    ("GET", "/assets/{path:path}"): ("/assets/..%2f..%2f..%2fetc/passwd", FORBIDDEN),
    ("GET", "/svelte/{path:path}"): ("/svelte/nothing.js", MISSING),
    ("GET", "/pwa_icon"): ("/pwa_icon", MISSING),
    ("GET", "/pwa_icon/{size}"): ("/pwa_icon/64", MISSING),
    ("POST", "/login"): ("/login", CLOSED),
    ("POST", "/login/"): ("/login/", CLOSED),
    ("GET", "/logout"): ("/logout", CLOSED),
    ("GET", "/monitoring"): ("/monitoring", CLOSED),
    ("GET", "/monitoring/summary"): ("/monitoring/summary", CLOSED),
    ("GET", "/monitoring/{key}"): ("/monitoring/abc", CLOSED),
    ("GET", "/gradio_api/deep_link"): ("/gradio_api/deep_link?session_hash=x", CLOSED),
    ("GET", "/gradio_api/user"): ("/gradio_api/user", OPEN),
    ("GET", "/gradio_api/user/"): ("/gradio_api/user/", OPEN),
    ("GET", "/gradio_api/login_check"): ("/gradio_api/login_check", OPEN),
    ("GET", "/gradio_api/login_check/"): ("/gradio_api/login_check/", OPEN),
    ("GET", "/gradio_api/token"): ("/gradio_api/token", OPEN),
    ("GET", "/gradio_api/token/"): ("/gradio_api/token/", OPEN),
    ("GET", "/gradio_api/app_id"): ("/gradio_api/app_id", OPEN),
    ("GET", "/gradio_api/app_id/"): ("/gradio_api/app_id/", OPEN),
    ("GET", "/gradio_api/dev/reload"): ("/gradio_api/dev/reload", CLOSED),
    ("GET", "/gradio_api/runs"): ("/gradio_api/runs", CLOSED),
    ("GET", "/gradio_api/runs/"): ("/gradio_api/runs/", CLOSED),
    ("GET", "/gradio_api/info"): ("/gradio_api/info", OPEN),
    ("GET", "/gradio_api/info/"): ("/gradio_api/info/?all_endpoints=true", OPEN),
    ("GET", "/gradio_api/openapi.json"): ("/gradio_api/openapi.json", OPEN),
    ("GET", "/gradio_api/custom_component/{id}/{environment}/{type}/{file_name}"): (
        "/gradio_api/custom_component/x/client/component/index.js",
        MISSING,
    ),
    ("GET", "/gradio_api/proxy={url_path:path}"): ("/gradio_api/proxy=https://example.org/", CLOSED),
    ("HEAD", "/gradio_api/proxy={url_path:path}"): ("/gradio_api/proxy=https://example.org/", CLOSED),
    ("GET", "/gradio_api/file={path_or_url:path}"): ("/gradio_api/file=https://example.org/", FORBIDDEN),
    ("HEAD", "/gradio_api/file={path_or_url:path}"): (f"/gradio_api/file={ROOT}/README.md", FORBIDDEN),
    ("GET", "/gradio_api/file/{path:path}"): ("/gradio_api/file/etc/passwd", FORBIDDEN),
    ("POST", "/gradio_api/stream/{event_id}"): ("/gradio_api/stream/x", 400),
    ("POST", "/gradio_api/stream/{event_id}/close"): ("/gradio_api/stream/x/close", 400),
    ("GET", "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8"): (
        "/gradio_api/stream/x/1/1/playlist.m3u8",
        MISSING,
    ),
    ("GET", "/gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}"): (
        "/gradio_api/stream/x/1/1/s.ts",
        MISSING,
    ),
    ("GET", "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file"): (
        "/gradio_api/stream/x/1/1/playlist-file",
        MISSING,
    ),
    ("POST", "/gradio_api/reset"): ("/gradio_api/reset", 400),
    ("POST", "/gradio_api/reset/"): ("/gradio_api/reset/", 400),
    ("GET", "/gradio_api/heartbeat/{session_hash}"): ("/gradio_api/heartbeat/x", OPEN),
    ("POST", "/gradio_api/api/{api_name}"): ("/gradio_api/api/age_face", 404),
    ("POST", "/gradio_api/api/{api_name}/"): ("/gradio_api/api/age_face/", 404),
    ("POST", "/gradio_api/run/{api_name}"): ("/gradio_api/run/age_face", 404),
    ("POST", "/gradio_api/run/{api_name}/"): ("/gradio_api/run/age_face/", 404),
    ("POST", "/gradio_api/call/v2/{api_name}"): ("/gradio_api/call/v2/age_face", 400),
    ("POST", "/gradio_api/call/v2/{api_name}/"): ("/gradio_api/call/v2/age_face/", 400),
    ("POST", "/gradio_api/call/{api_name}"): ("/gradio_api/call/age_face", 400),
    ("POST", "/gradio_api/call/{api_name}/"): ("/gradio_api/call/age_face/", 400),
    ("POST", "/gradio_api/queue/join"): ("/gradio_api/queue/join", 400),
    ("POST", "/gradio_api/cancel"): ("/gradio_api/cancel", 400),
    ("GET", "/gradio_api/call/{api_name}/{event_id}"): ("/gradio_api/call/age_face/x", OPEN),
    ("GET", "/gradio_api/call/v2/{api_name}/{event_id}"): ("/gradio_api/call/v2/age_face/x", OPEN),
    ("GET", "/gradio_api/queue/data"): ("/gradio_api/queue/data?session_hash=x", OPEN),
    ("POST", "/gradio_api/component_server"): ("/gradio_api/component_server", 404),
    ("POST", "/gradio_api/component_server/"): ("/gradio_api/component_server/", 404),
    ("GET", "/gradio_api/queue/status"): ("/gradio_api/queue/status", OPEN),
    ("GET", "/gradio_api/upload_progress"): ("/gradio_api/upload_progress?upload_id=x", MISSING),
    ("POST", "/gradio_api/upload"): ("/gradio_api/upload", 400),
    ("GET", "/gradio_api/startup-events"): ("/gradio_api/startup-events", OPEN),
    ("GET", "/gradio_api/theme.css"): ("/gradio_api/theme.css", OPEN),
    ("POST", "/gradio_api/process_recording"): ("/gradio_api/process_recording", CLOSED),
    ("POST", "/gradio_api/vibe-edit"): ("/gradio_api/vibe-edit", CLOSED),
    ("POST", "/gradio_api/vibe-edit/"): ("/gradio_api/vibe-edit/", CLOSED),
    ("POST", "/gradio_api/undo-vibe-edit"): ("/gradio_api/undo-vibe-edit", CLOSED),
    ("POST", "/gradio_api/undo-vibe-edit/"): ("/gradio_api/undo-vibe-edit/", CLOSED),
    ("GET", "/gradio_api/vibe-code"): ("/gradio_api/vibe-code", CLOSED),
    ("GET", "/gradio_api/vibe-code/"): ("/gradio_api/vibe-code/", CLOSED),
    ("POST", "/gradio_api/vibe-code"): ("/gradio_api/vibe-code", CLOSED),
    ("POST", "/gradio_api/vibe-code/"): ("/gradio_api/vibe-code/", CLOSED),
    ("POST", "/gradio_api/vibe-starter-queries"): ("/gradio_api/vibe-starter-queries", CLOSED),
    ("POST", "/gradio_api/vibe-starter-queries/"): ("/gradio_api/vibe-starter-queries/", CLOSED),
}
"""Method and route as Gradio has them -> a path to try, and the status it is to have."""

OURS = {
    ("GET", "/healthz"): OPEN,
    ("GET", "/gradio_api/mcp"): 405,
    ("POST", "/gradio_api/mcp"): 400,
    ("GET", "/gradio_api/mcp/sse"): MISSING,
    ("GET", "/docs"): MISSING,
    ("GET", "/openapi.json"): CLOSED,
    ("GET", "/nothing"): MISSING,
    ("DELETE", "/config"): 405,
    ("OPTIONS", "/gradio_api/upload"): 405,
    ("GET", "/?all_endpoints=1&deep_link=../../x"): OPEN,
    **{("GET", f"/{code}"): OPEN for code in NAMES if code != "en"},
}


def ask(address: str, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers in small letters, and the first bytes of the body; streams are left after those."""
    line = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    body = b"nothing" if method == "POST" else None
    line.putrequest(method, path, skip_accept_encoding=True)
    for name, value in {"Content-Type": "text/plain", **headers, "Content-Length": str(len(body or b""))}.items():
        line.putheader(name, value)
    line.endheaders(body)
    answer = line.getresponse()
    is_stream = "event-stream" in (answer.headers["content-type"] or "")
    told = answer.status, {name.lower(): value for name, value in answer.headers.items()}, b""
    if not is_stream:
        told = (*told[:2], answer.read())
    line.close()
    return told


def gradio_routes() -> set[tuple[str, str]]:
    """Method and path of every route that Gradio makes for a page such as ours."""
    with gr.Blocks() as blocks:
        pass
    blocks.run_history = False
    tools = McpTools(Calls(None, Delivery("")), print)  # type: ignore[arg-type]  # nothing is called
    made = App.create_app(blocks, app=Front(RequestLimits(), tools))
    routes = list(made.routes)
    routes += [inner for one in made.routes for inner in getattr(getattr(one, "original_router", None), "routes", [])]
    return {(method, route.path) for route in routes for method in getattr(route, "methods", None) or ()}


def test_the_table_names_every_route() -> None:
    assert gradio_routes() == set(PROBES)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [(method, path, status) for (method, _), (path, status) in PROBES.items()]
    + [(method, path, status) for (method, path), status in OURS.items()],
)
def test_every_way_in_answers_as_told_with_the_headers(app: RunningApp, method: str, path: str, status: int) -> None:
    came, headers, body = ask(app.address, method, path)
    assert came == status, body[:300]
    for name, value in SECURITY_HEADERS:
        assert headers.get(name.decode()) == value.decode()
    assert b"Traceback" not in body and b"root:" not in body


def test_what_is_listed_is_what_is_public(app: RunningApp) -> None:
    for path in ("/gradio_api/info", "/gradio_api/info?all_endpoints=true", "/gradio_api/info?all%5Fendpoints=1"):
        _, _, body = ask(app.address, "GET", path)
        told = json.loads(body)
        assert set(told["named_endpoints"]) == {"/age_face", "/present_age", "/verify_faces", "/models"}
        assert told["unnamed_endpoints"] == {}


def test_another_site_may_not_ask_from_its_visitors_browsers(app: RunningApp) -> None:
    status, headers, _ = ask(app.address, "OPTIONS", "/gradio_api/mcp", Origin="https://evil.example",
                             **{"Access-Control-Request-Method": "POST"})  # fmt: skip
    assert headers.get("access-control-allow-origin") in (None, "null") or status >= 400
    assert headers["x-content-type-options"] == "nosniff"
