"""The page: its frame, its tabs in every language, and how it is served."""

import threading
from html import escape
from pathlib import Path
from typing import Any, Protocol

import gradio as gr

from core.device import is_lent
from core.weights import load
from demo import imprint
from demo.admission import AdmissionLimits
from demo.api.calls import Calls
from demo.api.endpoints import Endpoints
from demo.api.mcp_tools import McpTools
from demo.cache_folder import claim
from demo.dataset.tab import DatasetTab
from demo.delivery import FORGET_AFTER_S, Delivery
from demo.front import Front, close_fetching
from demo.guard import RequestLimits
from demo.handing_over import HandingOver
from demo.keeping import Keeper, KeepingLimits
from demo.language import ENGLISH, NAMES, Language
from demo.live.tab import LiveTab
from demo.state_page import opened
from demo.studio import Studio
from demo.theme import theme
from demo.transform.tab import TransformTab
from demo.uploads import EXAMPLE
from demo.verify.tab import VerifyTab
from demo.video.tab import VideoTab

HERE = Path(__file__).parent
SWEEP_EVERY_S = 60


class Tab(Protocol):
    """What goes into a tab: built inside an open `gr.Tab`, with the answers to its events."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery) -> None: ...


TABS: tuple[tuple[str, str, type[Tab]], ...] = (
    ("transform", "Transform", TransformTab),
    ("live", "Live", LiveTab),
    ("video", "Video", VideoTab),
    ("verify", "Verify", VerifyTab),
    ("dataset", "Dataset", DatasetTab),
)
"""Id, name and content of each, from left to right."""


def masthead(say: Language) -> str:
    """The page's head, with the way to the other languages."""
    links = "".join(
        f'<span lang="{code}" aria-current="page">{escape(name)}</span>'
        if code == say.code
        else f'<a lang="{code}" hreflang="{code}" href="{"./" if code == ENGLISH else code}">{escape(name)}</a>'
        for code, name in NAMES.items()
    )
    promise = say(
        "Choose a photo of a person and see that face at ten ages, set back into the photo. "
        "It runs on this machine; nothing is sent elsewhere and nothing is kept."
    )
    return (
        f'<header id="masthead"><nav id="languages" aria-label="{escape(say("Language"))}">{links}</nav>'
        f'<p id="wordmark">AgeTrans</p><h1>{say("One photo. Every age.")}</h1><p id="promise">{promise}</p></header>'
    )


def fill(studio: Studio, say: Language, delivery: Delivery) -> None:
    """Everything on the page in one language, inside an open `gr.Blocks`."""
    gr.HTML(masthead(say), elem_id="header", padding=False)
    with gr.Tabs(elem_id="tabs") as tabs:
        filled = {}
        for name, label, content in TABS:
            with gr.Tab(say(label), id=name, elem_id=f"tab-{name}"):
                filled[name] = content(studio, say, delivery)
    transform, verify = filled["transform"], filled["verify"]
    assert isinstance(transform, TransformTab) and isinstance(verify, VerifyTab)
    HandingOver(tabs, transform, verify)
    gr.HTML(imprint.of(say, studio), elem_id="footer", padding=False)


def page(studio: Studio) -> tuple[gr.Blocks, McpTools]:
    """All of the page for an opened studio; sends no statistics, deletes what it wrote after ten minutes.

    Returns:
        the page with its endpoints, and the same for assistants.
    """
    with gr.Blocks(
        title="AgeTrans: one photo, every age",
        analytics_enabled=False,
        delete_cache=(SWEEP_EVERY_S, FORGET_AFTER_S),
    ) as blocks:
        delivery = Delivery(blocks.GRADIO_CACHE)
        fill(studio, Language(ENGLISH), delivery)
        calls = Calls(studio, delivery)
        Endpoints(calls)
    for code in NAMES:
        if code != ENGLISH:
            with blocks.route(NAMES[code], f"/{code}", show_in_navbar=False):
                fill(studio, Language(code), delivery)
    blocks.queue(api_open=False, max_size=2 * AdmissionLimits().max_waiting, default_concurrency_limit=4)
    return blocks, McpTools(calls, blocks.upload_file_set.add)


def serve(*, host: str, port: int, model: str, pack: str, archive: str = "") -> None:
    """Open the models, then serve the page until interrupted; while they do not open, a page that says why.

    Raises:
        ValueError: a model that makes no pictures, or a kind of pack that there is none of.
        CredentialsRefused, ArchiveBroken: the key for signing cannot be used, or there is no such archive.
        OSError: the port is taken, or the host is not ours.
    """
    folder, keeping = claim(), KeepingLimits.from_environment()
    studio = opened(lambda: open_studio(model, pack, archive), host, port)
    if not is_lent():  # a card is borrowed for visitors only
        threading.Thread(target=warm_up, args=(studio,)).start()  # waited for at the end, short as it is
    blocks, tools = page(studio)
    limits = RequestLimits()
    close_fetching()
    front = Front(limits, tools, Keeper(blocks, folder, keeping))
    options: dict[str, Any] = {
        "share": False,
        "theme": theme(),
        "css_paths": [HERE / "style.css", *sorted(HERE.glob("*/style.css"))],
        "allowed_paths": [str(HERE / "examples")],
        "max_file_size": limits.max_upload_bytes - 2**20,
        "head": "".join(f"<script>{(HERE / name).read_text()}</script>" for name in ("busy.js", "spoken.js")),
        "app_kwargs": {"lifespan": front.running},
        "_app": front,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "mcp_server": False,
        "show_error": False,
        "state_session_capacity": 64,
    }
    blocks.launch(server_name=host, server_port=port, **options)


def open_studio(model: str, pack: str, archive: str = "") -> Studio:
    """A studio of which every model that it offers is whole. Raises what `Studio` does."""
    studio = Studio(model=model, pack=pack, archive=archive)
    for info in studio.models:
        load(info.folder / info.file)
    return studio


def warm_up(studio: Studio) -> None:
    """Do once, unasked, what the first visitor would wait for: start the decoder, prepare the network's layers."""
    photo = studio.read(EXAMPLE.read_bytes())
    studio.ager(studio.default_model).transform(photo)
