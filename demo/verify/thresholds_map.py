"""The thresholds of all pairs of age groups as a map of ten by ten, which is also the way to pick one.

It is a table for those who hear the page. Arrow keys move within it, Enter picks; it takes one stop of the Tab key.
"""

from html import escape
from typing import Final

from core.ages import TEN
from demo.language import Language
from demo.verify.evidence import Source, band_of, is_sufficient
from demo.verify.terms import groups_text, score_text

DEEP, BRIGHT = 0.68, 0.46
"""From these levels on the letters change colour, on light and on dark paper, so that they can be read."""
PICK: Final = """
const cells = () => [...element.querySelectorAll("button[data-row]")];
const at = (row, column) => element.querySelector(`button[data-row="${row}"][data-column="${column}"]`);
const mark = (button) => cells().forEach((one) => {
  one.tabIndex = one === button ? 0 : -1;
  one.setAttribute("aria-pressed", one === button);
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-row]");
  if (!button) return;
  mark(button);
  trigger("click", {row: Number(button.dataset.row), column: Number(button.dataset.column)});
});
element.addEventListener("keydown", (event) => {
  const button = event.target.closest("button[data-row]");
  const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
  if (!button || !step) return;
  event.preventDefault();
  const next = at(Number(button.dataset.row) + step[0], Number(button.dataset.column) + step[1]);
  if (next) { button.tabIndex = -1; next.tabIndex = 0; next.focus(); }
});
"""
"""JavaScript of the component: picking by mouse and by keyboard."""


def threshold_map(say: Language, source: Source, rate: float, picked: tuple[int, int]) -> str:
    """The map as HTML, one cell pressed. Rows are the first group, columns the second."""
    table = source.table(rate)
    known = [cell.threshold for cell in table.cells if cell.threshold is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    heads = "".join(f'<th scope="col">{name_of_group(group)}</th>' for group in range(len(TEN)))
    body = ""
    for row in range(len(TEN)):
        body += f'<tr><th scope="row">{name_of_group(row)}</th>'
        for column in range(len(TEN)):
            cell = table.cell(row, column)
            threshold = None if cell is None or not is_sufficient(cell) else cell.threshold
            level = None if threshold is None else (threshold - low) / ((high - low) or 1.0)
            names = groups_text(say, row, column)
            if threshold is None:
                told, text = say("{groups}: no threshold", groups=names), "–"
            else:
                assert cell is not None
                score, band = score_text(say, threshold, table), band_of(cell)
                told = say("{groups}: threshold {score}", groups=names, score=score)
                if band is not None:
                    ends = {"low": score_text(say, band[0], table), "high": score_text(say, band[1], table)}
                    told += ", " + say("band {low} to {high}", **ends)
                text = short(say, threshold, is_cosine=table.scale == "cosine")
            body += f"<td>{button(row, column, told, text, level, is_picked=(row, column) == picked)}</td>"
        body += "</tr>"
    caption = say("Thresholds: the more a cell stands out, the more alike two faces must be. Choose one.")
    return (
        f'<table class="verify-map"><caption>{caption}</caption><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def button(row: int, column: int, told: str, text: str, level: float | None, *, is_picked: bool) -> str:
    """One cell. Levels 0..1; None for a pair of groups without a threshold."""
    kind = "empty" if level is None else f"{'deep ' if level >= DEEP else ''}{'bright' if level >= BRIGHT else ''}"
    paint = "" if level is None else f' style="--level:{level:.3f}"'
    return (
        f'<button type="button" class="{kind.strip()}" data-row="{row}" data-column="{column}" '
        f'tabindex="{0 if is_picked else -1}" aria-pressed="{str(is_picked).lower()}" '
        f'title="{escape(told)}"{paint}>{text}<span class="verify-unseen"> {escape(told)}</span></button>'
    )


def short(say: Language, threshold: float, *, is_cosine: bool) -> str:
    """A threshold in two digits: "34" for 0.34 would mislead, so ".34"; 71.7 is 72."""
    return say.number(f"{threshold:.2f}".replace("0.", ".", 1) if is_cosine else f"{threshold:.0f}")


def name_of_group(group: int) -> str:
    """A group's name with a dash."""
    return TEN.names[group].replace("-", "–")
