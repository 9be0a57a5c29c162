"""The page: its frame, theme and style, and how it is served."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from demo import words
from demo.guard import Guard, RequestLimits
from demo.layout import FORGET_AFTER_S
from demo.service import Studio
from demo.transform import TransformTab

HERE = Path(__file__).parent
SANS: Sequence[str] = ("ui-sans-serif", "system-ui", "Segoe UI", "Helvetica Neue", "Noto Sans", "sans-serif")
SWEEP_EVERY_S = 60


def theme() -> gr.themes.Base:
    """Warm paper and ink, one deep green; fonts of the visitor's own system."""
    green = gr.themes.Color(
        c50="#eef6f3",
        c100="#d6e9e2",
        c200="#aed3c6",
        c300="#7fb8a5",
        c400="#549a85",
        c500="#357d69",
        c600="#2a6656",
        c700="#225246",
        c800="#1c4138",
        c900="#16332c",
        c950="#0c1f1b",
    )
    paper = gr.themes.Color(
        c50="#faf8f4",
        c100="#f3efe8",
        c200="#e6e0d6",
        c300="#d2cabd",
        c400="#a59c8e",
        c500="#7b7367",
        c600="#5d564c",
        c700="#433e37",
        c800="#2b2824",
        c900="#1e1c19",
        c950="#151412",
    )
    base = gr.themes.Base(
        primary_hue=green,
        secondary_hue=green,
        neutral_hue=paper,
        radius_size=gr.themes.sizes.radius_lg,
        font=[gr.themes.Font(name) for name in SANS],
        font_mono=[gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")],
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        block_background_fill="#ffffff",
        block_background_fill_dark="*neutral_900",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        block_shadow="none",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="#ffffff",
        button_secondary_background_fill="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_500",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )


def page(studio: Studio) -> gr.Blocks:
    """All of the page for an opened studio; sends no statistics, deletes what it wrote after ten minutes."""
    with gr.Blocks(
        title="AgeTrans: one photo, every age",
        analytics_enabled=False,
        delete_cache=(SWEEP_EVERY_S, FORGET_AFTER_S),
    ) as blocks:
        gr.HTML(words.HEADER, elem_id="header", padding=False)
        TransformTab(studio)
    blocks.queue(api_open=False, max_size=32, default_concurrency_limit=4)
    return blocks


def serve(*, host: str, port: int, model: str, pack: str) -> None:
    """Open the models, then serve the page until interrupted."""
    limits = RequestLimits()
    page(Studio(model=model, pack=pack)).launch(
        server_name=host,
        server_port=port,
        share=False,
        theme=theme(),
        css_paths=[HERE / "style.css"],
        allowed_paths=[str(HERE / "examples")],
        max_file_size=limits.max_upload_bytes - 2**20,
        app_kwargs={"middleware": [Middleware(Guard, limits=limits)]},
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        show_error=False,
        state_session_capacity=64,
    )
