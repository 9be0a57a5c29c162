"""The line at the foot of the page: which estimator, face pack and precision answer here."""

from demo.language import Language
from demo.studio import Studio


def of(say: Language, studio: Studio) -> str:
    """As HTML."""
    compute = studio.compute
    parts = []
    if studio.estimator is not None:
        parts.append(say.html("Ages read by <b>{name}</b>", name=studio.estimator.name))
    parts.append(say.html("Faces found by <b>{name}</b>", name=studio.pack.name))
    precision = str(compute.dtype).removeprefix("torch.")
    parts.append(say.html("{precision} on {device}", precision=precision, device=compute.device))
    parts.append(say("Photos are forgotten after ten minutes"))
    return f'<footer id="imprint">{"".join(f"<span>{part}</span>" for part in parts)}</footer>'
