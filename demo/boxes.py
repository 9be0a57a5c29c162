"""Components that more than one tab has: the photo to choose, rows of small pictures, before and after, the years."""

import gradio as gr

from core.ages import AgeGroups
from demo.language import Language


def photo_box(say: Language, elem_id: str, label: str, *, height_px: int) -> gr.Image:
    """Where a photo is dropped, pasted or taken; gives the path of its copy."""
    return gr.Image(
        label=label,
        sources=["upload", "webcam", "clipboard"],
        type="filepath",
        image_mode=None,
        height=height_px,
        buttons=[],
        show_label=False,
        elem_id=elem_id,
        elem_classes="photo",
        webcam_options=gr.WebcamOptions(mirror=False),
        placeholder=say("Drop a photo here\nor choose one"),
    )


def tiles(label: str, elem_id: str, *, columns: int, is_strip: bool = False, visible: bool = False) -> gr.Gallery:
    """Small pictures with their captions below; one can be pressed.

    Args:
        label: for those who hear the page.
        elem_id: of the component.
        columns: in a row, on a desk.
        is_strip: on a phone one row, to be pushed sideways.
        visible: from the start.
    """
    return gr.Gallery(
        label=label,
        columns=columns,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        buttons=[],
        interactive=False,
        show_label=False,
        elem_id=elem_id,
        elem_classes=["tiles", "strip"] if is_strip else "tiles",
        fit_columns=False,
        visible=visible,
    )


def before_and_after(say: Language, elem_id: str) -> gr.ImageSlider:
    """Two pictures over each other with a handle between them."""
    return gr.ImageSlider(
        label=say("Before and after"),
        type="filepath",
        max_height=620,
        show_label=False,
        interactive=False,
        buttons=["fullscreen"],
        elem_id=elem_id,
    )


def age_range(groups: AgeGroups) -> tuple[int, int]:
    """Years that a slider offers: 0-90 for the ten groups, less where a model knows less."""
    oldest = 90 if groups.typical_years[-1] > 70 else round(groups.typical_years[-1]) + 8
    return groups.first_years[0], oldest
