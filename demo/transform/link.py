"""The address that sets the page up: model, age and view, and nothing of a photo or a person."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from core.ages import AgeGroups
from demo.studio import Target

VIEWS = ("close-up", "whole")
MOST_CHARS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a link says of the page; None where it does not."""

    model: str | None = None
    """By name; whoever opens the link may not have it."""
    mode: str | None = None
    """How ages are picked: a system of groups, or "years"."""
    age: str | None = None
    """A group's name, or years."""
    view: str | None = None
    """ "close-up" or "whole"."""

    def query(self) -> str:
        """As it stands behind the page's address: "?model=...&age=70%2B"."""
        said = {"model": self.model, "show": self.mode, "age": self.age, "view": self.view}
        return "?" + urlencode({name: value for name, value in said.items() if value is not None})


def read(query: str) -> Setting:
    """What a query says; what it should not say is passed over."""
    found = parse_qs(query[:MOST_CHARS].lstrip("?"))
    said = {name: values[0] for name, values in found.items()}
    view = said.get("view")
    return Setting(
        model=said.get("model"),
        mode=said.get("show"),
        age=said.get("age"),
        view=view if view in VIEWS else None,
    )


def target_of(age: str | None, groups: AgeGroups, oldest_years: int) -> Target | None:
    """What an age in a link asks for; None for one that the model does not know."""
    if age is None:
        return None
    if age in groups.names:
        return ("group", groups.index_of_name(age))
    if not age.isdecimal() or not groups.first_years[0] <= int(age) <= oldest_years:
        return None
    return ("age", float(age))


def age_of(target: Target, groups: AgeGroups) -> str:
    """How a link says what is shown."""
    kind, value = target
    return groups.names[int(value)] if kind == "group" else f"{value:g}"
