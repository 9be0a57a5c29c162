"""An evaluation as one page of HTML that needs no other file: tables, charts and the sheet of faces."""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from training.charts import ages_chart, cosines_chart, passing_chart
from training.comparison import compare, comparison_section
from training.figures import Figures
from training.report import sections, title
from training.sections import Section, Table

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e22; --paper: #fbfaf8; --faint: #6a6d75; --line: #dcdad5; --row: #f1efeb;
  --bad: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7e6e3; --paper: #16181c; --faint: #9b9ea6; --line: #34373e; --row: #1f2228; --bad: #ff8a80 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.2rem 1rem 4rem; max-width: 76rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .4rem 0 1rem; overflow-wrap: anywhere }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; overflow-wrap: anywhere }
p { max-width: 46rem; margin: .5rem 0 }
.wide { overflow-x: auto; margin: .7rem 0; border: 1px solid var(--line); border-radius: 6px }
table { border-collapse: collapse; width: 100%; font-size: .84rem; font-variant-numeric: tabular-nums }
th, td { padding: .32rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
  min-width: 4rem; max-width: 22rem }
th { font-weight: 600; color: var(--faint) }
tr:last-child td { border-bottom: 0 }
tbody tr:nth-child(odd) td { background: var(--row) }
td.long { overflow-wrap: anywhere; min-width: 14rem }
@media (max-width: 40rem) {
  table { font-size: .78rem } th, td { padding: .28rem .4rem; min-width: 3.4rem; max-width: 11rem }
  td.long { min-width: 8.5rem } td:first-child, th:first-child { position: sticky; left: 0; background: var(--paper) }
  tbody tr:nth-child(odd) td:first-child { background: var(--row) } }
strong { color: var(--bad) }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1rem;
  margin: 1rem 0 }
figure { margin: 0 }
figcaption { font-size: .84rem; color: var(--faint) }
svg { width: 100%; height: auto; display: block }
.wide img { display: block; min-width: 52rem; width: 100%; height: auto }
nav { margin: .6rem 0 }
nav a { display: inline-block; padding: .3rem 0; margin-right: 1rem; color: inherit }
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One model on the page."""

    figures: Figures
    sheet_jpeg: bytes
    """Its contact sheet, a JPEG file."""


def page(models: Sequence[Shown]) -> str:
    """The page: of several models first the comparison, then one after the other."""
    figures = [shown.figures for shown in models]
    if len(models) == 1:
        return document(title(figures[0]), _model(models[0]))
    links = "".join(f'<a href="#model{number}">{escape(one.model)}</a>' for number, one in enumerate(figures))
    parts = [f"<nav>{links}</nav>", _section(comparison_section(compare(figures)))]
    for number, shown in enumerate(models):
        parts.append(f'<h1 id="model{number}">{escape(title(shown.figures))}</h1>')
        parts += _model(shown)
    return document(f"{len(models)} models side by side", parts)


def document(heading: str, parts: Iterable[str]) -> str:
    """A whole page under a heading, from parts that are HTML already."""
    head = (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(heading)}</title>\n<style>{STYLE}</style>\n"
    )
    return "\n".join([f"{head}<body>\n<h1>{escape(heading)}</h1>", *parts, "</body>\n</html>\n"])


def sections_html(found: Iterable[Section]) -> list[str]:
    """Sections as HTML."""
    return [_section(one) for one in found]


def chart_html(svg: str, caption: str) -> str:
    """An SVG with its caption."""
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _model(shown: Shown) -> list[str]:
    figures = shown.figures
    bars, *others = sections(figures)
    charts = [
        chart_html(ages_chart(figures), "Mean judged age by target group; real faces of the group dashed."),
        chart_html(cosines_chart(figures), "Likeness to the input. Above the band: too little has changed."),
    ]
    if figures.rectified is not None:
        rows = figures.rectified.from_twenties or figures.rectified.targets
        which = "inputs of 20-29" if figures.rectified.from_twenties else "all inputs"
        charts.append(chart_html(passing_chart(rows), f"Share that passes verification, {which}; real pairs dashed."))
    encoded = base64.b64encode(shown.sheet_jpeg).decode()
    sheet = f'<img alt="Mean faces, then single faces at every target group" src="data:image/jpeg;base64,{encoded}">'
    return [
        _section(bars),
        f'<div class="charts">{"".join(charts)}</div>',
        *sections_html(others),
        f'<h2>Faces</h2><p>The first judge\'s reading under each.</p><div class="wide">{sheet}</div>',
    ]


def _section(section: Section) -> str:
    heading = f"<h2>{escape(section.title)}</h2>" if section.title else ""
    return heading + "".join(
        _table(block) if isinstance(block, Table) else f"<p>{_text(block)}</p>" for block in section.blocks
    )


def _table(block: Table) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in block.head)
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in block.rows)
    return f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(text: str) -> str:
    return f'<td class="long">{_text(text)}</td>' if len(text) > 40 else f"<td>{_text(text)}</td>"


def _text(text: str) -> str:
    """Escaped; **words between stars** strong."""
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))
