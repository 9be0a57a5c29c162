"""What became of every picture, as one page: counts by reason, people through the ages, what waits for review.

The page holds everything in itself and asks nobody for anything. It shows faces, so it stays in the working folder.
"""

import base64
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np

from cafdata.archive import Archive
from cafdata.heatmap import coverage_heatmap
from cafdata.summary import summarise
from core.cells import visible
from core.files import write_atomic
from core.images import decode_photo, encode_jpeg, encode_png, resize
from curation.deciding import Decision
from curation.run_folder import RunFolder

FILE: Final = "report.html"
MAX_PEOPLE: Final = 24
MAX_FACES: Final = 12
"""Of a person, or of a reason."""
MAX_HELD: Final = 60
THUMB_PX: Final = 96

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b2327; --soft: #5b676d; --paper: #fbfaf7; --line: #dcdfdd; --bar: #3a8aab; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecee; --soft: #9aa7ad; --paper: #14191c; --line: #2c3539; --bar: #5fb0d0; }
}
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
p { margin: .25rem 0; } .soft { color: var(--soft); }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.25rem 0; }
.figures b { display: block; font-size: 1.7rem; line-height: 1.1; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; } td, th { padding: .3rem .75rem .3rem 0; text-align: left;
  border-bottom: 1px solid var(--line); vertical-align: middle; }
td.count { text-align: right; width: 5rem; font-variant-numeric: tabular-nums; }
td.bar { width: 35%; } td.bar i { display: block; height: .6rem; background: var(--bar); border-radius: 2px;
  min-width: 1px; }
.faces { display: flex; flex-wrap: wrap; gap: .5rem; } figure { margin: 0; width: 96px; }
figure img { width: 96px; height: 96px; border-radius: 4px; display: block; background: var(--line); }
figcaption { font-size: .75rem; line-height: 1.25; color: var(--soft); overflow-wrap: anywhere; }
.person { margin: .75rem 0; } .held figure { width: 13rem; } .held figure img { width: 96px; }
img.map { max-width: 100%; border-radius: 4px; }
@media (max-width: 40rem) { td.bar { display: none; } .held figure { width: 100%; } }
"""


def write_report(run: RunFolder, decision: Decision, outcome: Mapping[str, Any]) -> None:
    """Write the page into the working folder."""
    write_atomic(run.folder / FILE, page(run, decision, outcome).encode())


def page(run: RunFolder, decision: Decision, outcome: Mapping[str, Any]) -> str:
    """The whole page."""
    people = _chosen_people(decision)
    examples = _examples(decision)
    wanted = {
        *(name for names in people.values() for name in names),
        *(name for names in examples.values() for name in names),
        *list(decision.held)[:MAX_HELD],
    }
    thumbs = dict(thumbs_of(run, wanted))
    parts = [
        f"<h1>{_text(run.recipe.archive.name)}</h1>",
        f'<p class="soft">{outcome["listed"]:,} pictures were named by {len(run.recipe.sources)} source(s), '
        f"{outcome['candidates']:,} could be asked for.</p>",
        _figures(outcome),
        "<h2>Why pictures were left out</h2>",
        _reasons(outcome),
    ]
    if decision.held:
        parts += [
            f"<h2>Waiting for review: {len(decision.held):,}</h2>",
            f'<p class="soft">Decide with <code>python -m curation review {_text(str(run.recipe.archive))}</code>; '
            "the next run takes it up.</p>",
            '<div class="faces held">',
            *(_figure(name, thumbs, "; ".join(decision.held[name])) for name in list(decision.held)[:MAX_HELD]),
            "</div>",
        ]
    parts += ["<h2>Who is seen at which ages</h2>", _coverage(run)]
    parts += ["<h2>People</h2>" if people else ""]
    for person, names in people.items():
        faces = "".join(_figure(name, thumbs, _age(decision, name)) for name in names)
        parts.append(f'<div class="person"><p>{_text(person)}</p><div class="faces">{faces}</div></div>')
    for (stage, reason), names in examples.items():
        faces = "".join(_figure(name, thumbs, decision.dropped[name].detail) for name in names)
        parts.append(f'<h2>Left out by {_text(stage)}: {_text(reason)}</h2><div class="faces">{faces}</div>')
    return whole_page(f"Curation of {run.recipe.archive.name}", parts)


def whole_page(title: str, parts: Iterable[str]) -> str:
    """A page that holds everything in itself, out of pieces of HTML."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{_text(title)}</title><style>{STYLE}</style></head><body>" + "\n".join(parts) + "</body></html>\n"
    )


def thumbs_of(run: RunFolder, picture_ids: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Small faces as data addresses, for those pictures that have a face."""
    wanted = set(picture_ids)
    for shard in run.shards() if wanted else ():
        for row in run.read_seen(shard, ["picture_id", "face"]) if run.seen_file(shard).exists() else ():
            if row["picture_id"] in wanted and row["face"] is not None:
                yield row["picture_id"], thumb(row["face"])


def thumb(face: bytes) -> str:
    """A face file as a small picture within an address."""
    small = encode_jpeg(resize(decode_photo(face), THUMB_PX, THUMB_PX), 80)
    return f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"


def _figures(outcome: Mapping[str, Any]) -> str:
    left_out = sum(sum(found.values()) for found in _all_drops(outcome).values())
    named = {
        "kept": outcome["kept"],
        "people": outcome["people"],
        "waiting for review": outcome["held_for_review"],
        "left out": left_out,
        "new in the archive": outcome["added"],
    }
    return (
        '<div class="figures">'
        + "".join(f"<div><b>{count:,}</b>{name}</div>" for name, count in named.items())
        + "</div>"
    )


def _reasons(outcome: Mapping[str, Any]) -> str:
    counts = [(count, stage, reason) for stage, found in _all_drops(outcome).items() for reason, count in found.items()]
    if not counts:
        return "<p>None was.</p>"
    most = max(count for count, _, _ in counts)
    rows = [
        f'<tr><td>{_text(stage)}</td><td>{_text(reason)}</td><td class="count">{count:,}</td>'
        f'<td class="bar"><i style="width:{100 * count / most:.1f}%"></i></td></tr>'
        for count, stage, reason in sorted(counts, key=lambda one: (-one[0], one[1:]))
    ]
    return "<table>" + "".join(rows) + "</table>"


def _all_drops(outcome: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = defaultdict(dict)
    for drops in (outcome["dropped_while_listing"], outcome["dropped"]):
        for stage, found in drops.items():
            for reason, count in found.items():
                table[stage][reason] = table[stage].get(reason, 0) + count
    return table


def _coverage(run: RunFolder) -> str:
    coverage = summarise(Archive(run.recipe.archive).records()).coverage
    picture = encode_png(coverage_heatmap(np.asarray(coverage)))
    said = "Heat map: a row a person, a column an age group"
    return f'<img class="map" alt="{said}" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'


def _chosen_people(decision: Decision) -> dict[str, list[str]]:
    """Those with the widest span of ages, each with their faces from young to old."""
    pictures: dict[str, list[str]] = defaultdict(list)
    for name, one in decision.kept.items():
        pictures[one.person_id].append(name)

    def span_years(names: Sequence[str]) -> float:
        ages = [decision.kept[name].age_min_years for name in names]
        return max(ages) - min(ages)

    chosen = sorted(pictures, key=lambda person: (-span_years(pictures[person]), person))[:MAX_PEOPLE]
    return {
        person: sorted(pictures[person], key=lambda name: (decision.kept[name].age_min_years, name))[:MAX_FACES]
        for person in chosen
    }


def _examples(decision: Decision) -> dict[tuple[str, str], list[str]]:
    """Pictures that a comparison left out, a few for each reason."""
    examples: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted(decision.dropped):
        drop = decision.dropped[name]
        if drop.stage in ("duplicates", "people", "age") and len(examples[drop.stage, drop.reason]) < MAX_FACES:
            examples[drop.stage, drop.reason].append(name)
    return {key: names for key, names in sorted(examples.items()) if names}


def _figure(name: str, thumbs: Mapping[str, str], caption: str) -> str:
    picture = f'<img loading="lazy" alt="" src="{thumbs[name]}">' if name in thumbs else ""
    return f'<figure title="{_text(name)}">{picture}<figcaption>{_text(caption)}</figcaption></figure>'


def _age(decision: Decision, name: str) -> str:
    low, high = int(decision.kept[name].age_min_years), int(decision.kept[name].age_max_years)
    return str(low) if low == high else f"{low} to {high}"


def _text(words: str) -> str:
    return escape(visible(words))
