"""Graphics cards that are lent for single calls, as Hugging Face's ZeroGPU does; anywhere else this changes nothing.

Such a card is there only inside a function that asked for it, which runs in a process of its own: what goes in and
comes out are arrays. A loan takes a second or two, more than a small network needs on the processor for all its
ages. So only large networks borrow; for these the loan is as long as ages and resolution ask for, and no longer, as
it is counted against the visitor's daily share.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import gradio as gr

from core.age_reader import AgeReader, PresentAge
from core.aging import AgedFace, Aging, FaceAger
from core.align import Photo
from core.detect import Face, FacePack
from core.device import Compute, choose_lent, is_lent
from core.weights import LoadedModel
from demo.answering import Refusal

BORROWS_FROM_PX: Final = 512
"""Networks with crops of so many pixels a side and more."""
START_S: Final = 5.0
"""Of every loan: moving the weights, the first call of each kernel."""
S_PER_MEGAPIXEL: Final = 0.6
"""Of crop, for one age: generous, as a loan that runs out gives nothing."""
PASTE_S_PER_MEGAPIXEL: Final = 0.1
"""Of photo, for one age: putting it back, on the processor of whoever holds the card."""
SPENT = (
    "The graphics card is not to be had just now: your share of it for today may be used up, or all are lent out. "
    "Try again later, sign in to Hugging Face for a larger share, or choose a smaller model."
)

Task = Callable[..., Any]
Lend = Callable[[Task, Callable[..., float]], Task]
"""Takes a function and how many seconds its call needs; gives it back with a card."""


def prepare() -> None:
    """Where cards are lent, let the lender in before anything touches a card. Call it first of all.

    ZeroGPU stops a Space in which nothing borrows when it starts. A large model may be opened only later, so one
    function that nobody calls says that this one will.
    """
    if is_lent():
        lend(will_borrow, lambda: START_S)


def will_borrow() -> None:
    """Needs no card."""


def lend(task: Task, seconds: Callable[..., float]) -> Task:
    """ZeroGPU's own way."""
    import spaces

    borrowed: Task = spaces.GPU(duration=lambda *args, **kwargs: math.ceil(seconds(*args, **kwargs)))(task)
    return borrowed


def open_ager(model: LoadedModel, pack: FacePack, compute: Compute, reader: AgeReader | None) -> FaceAger:
    """What ages faces with a model; it borrows a card for each call where that is how cards are had, and worth it."""
    if is_lent() and model.info.size_px >= BORROWS_FROM_PX:
        return LentAger(model, pack, compute, reader, lend=lend, card=choose_lent)
    return FaceAger(model, pack, compute, reader)


class LentAger(FaceAger):
    """A `FaceAger` whose network works on a lent card only. Raises Refusal where there is none to be had.

    In this process the network stays on the processor. The process of a loan has a copy of all memory, and moves its
    copy onto the card; while that process is kept for later loans, it need not do so again.
    """

    def __init__(
        self,
        model: LoadedModel,
        pack: FacePack,
        compute: Compute,
        reader: AgeReader | None,
        *,
        lend: Lend,
        card: Callable[[], Compute],
    ) -> None:
        """As `FaceAger`; `lend` gives a card, `card` says inside a loan how it is used."""
        super().__init__(model, pack, compute, reader)
        self.card = card
        self._on_card: FaceAger | None = None
        self._lent_transform = lend(self._transform, self.seconds)
        self._lent_reading = lend(self._reading, self.seconds)

    def _transform(self, photo: Photo, **asked: Any) -> Aging:
        return self._ager_on_card().transform(photo, **asked)

    def _reading(self, photo: Photo, face: Face) -> PresentAge | None:
        return self._ager_on_card().present_age(photo, face)

    def _ager_on_card(self) -> FaceAger:
        if self._on_card is None:
            self._on_card = FaceAger(self.model, self.pack, self.card(), None)
        return self._on_card

    # Whatever else is asked goes on as it came: this class knows only what the length of a loan follows from.
    def transform(self, photo: Photo, **asked: Any) -> Aging:
        """As `FaceAger.transform`, in one loan."""
        self.targets(asked.get("ages_years"), asked.get("groups"))  # what is wrong with the order costs no loan
        asked["face"] = asked.get("face") or self.find_faces(photo)[0]
        asked["present_age"] = asked.get("present_age") or self.present_age(photo, asked["face"])
        try:
            made: Aging = self._lent_transform(photo, **asked)
        except gr.Error as error:
            raise Refusal(SPENT) from error
        return made

    def stream(self, photo: Photo, **asked: Any) -> Iterator[AgedFace]:
        """The results of `transform`: a card is not held while somebody looks at the first of them."""
        yield from self.transform(photo, **asked).results

    def present_age(self, photo: Photo, face: Face) -> PresentAge | None:
        """As `FaceAger.present_age`; a reader of its own works without a card."""
        if self.reader is not None:
            return super().present_age(photo, face)
        try:
            age: PresentAge | None = self._lent_reading(photo, face)
        except gr.Error as error:
            raise Refusal(SPENT) from error
        return age

    def seconds(self, photo: Photo, *_args: object, **asked: Any) -> float:
        """How long a card is wanted for a call."""
        ages = asked.get("ages_years") or asked.get("groups")
        num_ages = len(ages) if ages else len(self.groups)
        crop_megapixels = self.model.info.size_px**2 / 1e6
        photo_megapixels = photo.shape[0] * photo.shape[1] / 1e6
        each_s = crop_megapixels * S_PER_MEGAPIXEL + photo_megapixels * PASTE_S_PER_MEGAPIXEL
        return START_S + num_ages * each_s
