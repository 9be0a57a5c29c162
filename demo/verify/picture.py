"""Scores of others with the thresholds in them: the drawing, what each colour means, and where it comes from."""

from core.thresholds import ThresholdTable
from demo.language import Language
from demo.verify.curves import Marks, plot
from demo.verify.evidence import Source
from demo.verify.terms import groups_text, name_of, score_text


def picture(say: Language, source: Source, groups: tuple[int, int], marks: Marks, table: ThresholdTable) -> str:
    """The scores of others with the thresholds in them, what each colour means, and where it comes from."""
    strangers, same = source.strangers(*groups), source.same_person(*groups)
    names = groups_text(say, *groups)
    if strangers is None and same is None:
        return f'<p class="quiet">{say("Nothing is known of the scores of {groups}.", groups=names)}</p>'
    legend = legend_of(say, marks, table, has_bells=source.statistics is not None, has_same=same is not None)
    title = say("Scores of pairs aged {groups}", groups=names)
    told = ". ".join([title, *(text for _, text in legend)])
    items = "".join(f'<li><i class="verify-key {kind}"></i>{text}</li>' for kind, text in legend)
    return (
        f'<figure class="verify-plot"><figcaption>{title}<span class="quiet">{name_of(say, source)}</span></figcaption>'
        f"{plot(say, strangers, same, marks, table.scale, told)}"
        f'<ul class="verify-legend">{items}</ul>'
        f'<p class="quiet">{data_of(say, source, has_same=same is not None)}</p></figure>'
    )


def legend_of(
    say: Language, marks: Marks, table: ThresholdTable, *, has_bells: bool, has_same: bool
) -> list[tuple[str, str]]:
    """Kind of mark and its words, for what is in the picture."""

    def text(value: float) -> str:
        return score_text(say, value, table)

    legend = []
    if has_bells:
        legend.append(("strangers area", say("two people")))
    else:
        legend.append(("strangers dot", say("so many pairs of strangers score this or more, with the error band")))
    if has_same:
        legend.append(("same area", say("one person")))
    if marks.rectified is not None:
        legend.append(("rectified line", say("threshold of these ages: {score}", score=text(marks.rectified))))
    if marks.band is not None:
        low, high = (text(end) for end in marks.band)
        legend.append(("band area", say("its error band: {low} to {high}", low=low, high=high)))
    if marks.one_size is not None:
        legend.append(("one-size line", say("one threshold for all ages: {score}", score=text(marks.one_size))))
    if marks.pair is not None:
        legend.append(("pair spot", say("these two: {score}", score=text(marks.pair))))
    if marks.made is not None:
        legend.append(("made spot", say("faces made by the model, on average: {score}", score=text(marks.made))))
    return legend


def data_of(say: Language, source: Source, *, has_same: bool) -> str:
    """Where the picture's data comes from, and what is missing."""
    if source.statistics is not None:
        return say(
            "From the means and deviations that the paper published of its CAF data (AgeTransGAN, ECCV 2022), scores "
            "taken to be normal. How many pairs they rest on was not published, so there is no band."
        )
    text = say.html("Measured on: {data}.", data=say.sentence(source.tables[0].data))
    text += " " + say("Of the strangers’ scores only these points are kept.")
    if not has_same:
        text += " " + say("Pairs of one person were not measured with this recogniser.")
    return text
