"""What people are told of a model besides its figures."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ModelTerms:
    """The words on a model's card that no measurement can give."""

    name: str
    """Of the model, and of its files."""
    licence: str
    """Terms of the weights, one line."""
    trained_on: str
    """What data."""
    notes: str = ""
    """What else a reader of the card should know of the training."""
