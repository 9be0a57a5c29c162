"""The page's colours and type: warm paper and ink, one deep green; fonts of the visitor's own system."""

from collections.abc import Sequence

import gradio as gr

SANS: Sequence[str] = ("ui-sans-serif", "system-ui", "Segoe UI", "Helvetica Neue", "Noto Sans", "sans-serif")


def theme() -> gr.themes.Base:
    """For light and dark."""
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
        checkbox_border_color="*neutral_500",
        checkbox_border_color_dark="*neutral_500",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_500",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )
