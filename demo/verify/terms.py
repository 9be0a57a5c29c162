"""Names and numbers as the Verify tab writes them."""

from collections.abc import Sequence

from core.ages import TEN
from core.thresholds import ThresholdTable
from demo.language import Language
from demo.verify.evidence import Share, Source


def name_of(say: Language, source: Source) -> str:
    """The recogniser and where its tables come from, as the page calls them."""
    names = {
        "dlib_resnet_v1": say("dlib, measured on UTKFace"),
        "mobilefacenet_112": say("MobileFaceNet, measured on UTKFace"),
        "facepp-paper": say("Face++, the paper’s own thresholds"),
        "facepp-statistics": say("Face++, the paper’s statistics"),
        "arcface-statistics": say("ArcFace, the paper’s statistics"),
    }
    return names.get(source.key, source.key)


def rates(say: Language, all_rates: Sequence[float]) -> list[tuple[str, float]]:
    """Rates of false accepts as a visitor picks them."""
    return [(say("1 in {number}", number=say.number(f"{1 / rate:,.0f}")), rate) for rate in all_rates]


def percent(say: Language, share: float) -> str:
    """A share in percent, with as many digits as say something."""
    value = 100 * share
    digits = f"{value:.0f}" if value >= 10 or value == 0 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"
    return f"{say.number(digits)} %"


def exactly(say: Language, share: float) -> str:
    """A share as people read it, with its exact value beside it for programs."""
    return f'<data value="{share!r}">{percent(say, share)}</data>'


def bounded(say: Language, share: Share) -> str:
    """A share of which perhaps only a bound is known."""
    if share.is_exact:
        return exactly(say, share.low)
    if share.high > 0.9:
        return say("at least {share}", share=exactly(say, share.low))
    if share.low == 0:
        return say("at most {share}", share=exactly(say, share.high))
    low, high = (say.number(f"{100 * end:.2g}") for end in (share.low, share.high))
    return exactly(say, share.high) if low == high else f"{low}–{high} %"


def score_text(say: Language, value: float, table: ThresholdTable) -> str:
    """A score with the digits that its scale bears."""
    return say.number(f"{value:.3f}" if table.scale == "cosine" else f"{value:.1f}")


def groups_text(say: Language, group_a: int, group_b: int) -> str:
    """Two age groups: "20-29 and 70+", or one."""
    first, second = (TEN.names[group].replace("-", "–") for group in sorted((group_a, group_b)))
    return first if first == second else say("{first} and {second}", first=first, second=second)
