"""Rectified verification for people: what was used, and tables of pass rates and distances."""

from collections.abc import Iterable

from training.rectified import PassFigures, RectifiedFigures
from training.sections import UNKNOWN, Section, Table, number, share, table


def rectified_section(found: RectifiedFigures) -> Section:
    """Pass rates by one threshold and by the rectified ones, beside real pairs."""
    used = found.table
    rate = "by a rule that is not known" if used.false_accept_rate is None else f"at {used.false_accept_rate:g}"
    bands = "" if used.band_share is None else f" Bands of thresholds hold {used.band_share:.0%}."
    blocks: list[str | Table] = [
        f"Thresholds of {used.recogniser}, false accepts {rate}; table version {used.version}, sha256 "
        f"{used.sha256[:16]}, from {used.data}.{bands} Real pairs: {found.real_source}. A share above that of real "
        "pairs is no merit: such faces are more like their inputs than people are like themselves. Some of it is owed "
        "to pose, light and camera, which an output shares with its input and two photos do not."
    ]
    if found.from_twenties:
        blocks += ["Inputs of 20-29, as in the paper:", *tables("target group", found.from_twenties)]
    if found.targets:
        blocks += ["All inputs:", *tables("target group", found.targets)]
    else:
        blocks += tables("groups", found.cells)
    return Section(title=f"Rectified verification ({used.recogniser})", blocks=tuple(blocks))


def missing_section(why: str) -> Section:
    """In its place, where there is no threshold table."""
    return Section(title="Rectified verification", blocks=(f"Not measured. {why}",))


def tables(name: str, rows: Iterable[PassFigures]) -> tuple[Table, Table]:
    """Who passes; and how the scores lie to those of real pairs."""
    head = (name, "outputs", "threshold", "band", "false accepts", "pass one for all", "real pairs", "pass rectified",
            "at the band's ends", "real pairs", "real, by the table")  # fmt: skip
    beside = (name, "score", "real", "distance", "too alike", "too strange", "drawn from real", "above 95 % of real",
              "below 95 % of real", "real pairs")  # fmt: skip
    rows = list(rows)
    return table(head, map(_passing, rows)), table(beside, map(_distances, rows))


def _passing(row: PassFigures) -> tuple[str, ...]:
    real = row.real
    without = f" ({row.num_without} without threshold)" if row.num_without else ""
    return (
        row.name,
        f"{row.num_outputs}{without}",
        _score(row.threshold),
        _between(_score(row.threshold_low), _score(row.threshold_high)),
        UNKNOWN if row.false_accept_rate is None else f"{row.false_accept_rate:.2g}",
        share(row.common_rate),
        _genuine(row, real.genuine_common_rate, real.common_rate) if real else UNKNOWN,
        share(row.rectified_rate),
        _between(share(row.rectified_rate_low), share(row.rectified_rate_high)),
        _genuine(row, real.genuine_rate, real.rectified_rate) if real else UNKNOWN,
        share(row.genuine_rate_table),
    )


def _genuine(row: PassFigures, genuine: float | None, made: float | None) -> str:
    """Share of real pairs; where some outputs have none beside them, with the share of the others."""
    is_whole = row.real is None or row.real.num_outputs == row.num_outputs
    return share(genuine) + ("" if is_whole else f" (outputs there: {share(made)})")


def _distances(row: PassFigures) -> tuple[str, ...]:
    real = row.real
    if real is None:
        return (row.name, _score(row.mean_score), *[UNKNOWN] * 8)
    figures = (real.mean_score, real.distance, real.distance_more, real.distance_less, real.distance_drawn)
    pairs = str(real.num_pairs) if real.num_pairs else "published"
    return (row.name, _score(row.mean_score), *map(_score, figures), share(real.above), share(real.below), pairs)


def _score(value: float | None) -> str:
    """Cosines need three decimal places, scores 0..100 one."""
    return number(value, 3 if value is not None and abs(value) <= 1 else 1)


def _between(low: str, high: str) -> str:
    return UNKNOWN if UNKNOWN in (low, high) else f"{low} to {high}"
