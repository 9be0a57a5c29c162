"""Frechet distances of outputs to real pictures of the group, on whatever features there are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.ages import AgeGroups
from core.align import UTKFACE
from training import metrics
from training.data import Place, decoded, find_places
from training.figures import FrechetFigures, frechet_figures
from training.judge import Judge
from training.metrics import Floats, Numbers
from training.observations import Observations, spread

MAX_REAL_OF_A_GROUP = 400
"""Real pictures of a group that distances are taken to."""
AT_ONCE = 256
"""Of those, how many are decoded and read at a time."""


class RealPictures:
    """More real faces than those that are aged; read once, however many models of a size are judged."""

    def __init__(self, files: tuple[Path, ...], judges: Sequence[Judge]) -> None:
        """Faces in Parquet files, of pictures that no judge learnt from."""
        self.files, self.judges = files, judges
        self._read: dict[tuple[int, int, str], tuple[Floats, Numbers]] = {}

    def figures(self, seen: Observations, recogniser: str) -> FrechetFigures:
        """On the features of the first judge that shows them, else on the embeddings of the eval faces."""
        for number, (name, real, made) in enumerate(zip(seen.judges, seen.real, seen.made, strict=True)):
            if real.features is None or made.features is None:
                continue
            features, of_group, persons = [real.features], [seen.own_groups], seen.faces.persons
            if self.files:
                more = self._features(number, seen.faces.faces.shape[1], seen.groups)
                features.append(more[0])
                of_group.append(more[1])
                if persons is not None:  # nobody said who is on these: each is somebody else
                    persons = np.concatenate((persons, persons.max() + 1 + np.arange(len(more[1]))))
            pair = (made.features, np.concatenate(features))
            return frechet_figures(seen, name, pair, np.concatenate(of_group), persons)
        pair = (seen.made_embeddings, seen.embeddings)
        return frechet_figures(seen, recogniser, pair, seen.own_groups, seen.faces.persons)

    def _features(self, number: int, size_px: int, groups: AgeGroups) -> tuple[Floats, Numbers]:
        """(M, C) features that a judge shows of the faces, and (M,) their groups."""
        key = (number, size_px, groups.name)
        if key not in self._read:
            places = find_places(self.files, min_age_years=groups.first_years[0])
            numbers = metrics.groups_of(np.asarray([place.age_years for place in places]), groups)
            each = [np.flatnonzero(numbers == group) for group in range(len(groups))]
            # In the order they lie in, so that a row group is read for few of the parts.
            chosen = np.sort(
                np.concatenate([some[list(spread(len(some), MAX_REAL_OF_A_GROUP))] for some in each if len(some)])
            )
            shown = [
                self._shown(number, [places[row] for row in some], size_px)
                for some in np.array_split(chosen, -(-len(chosen) // AT_ONCE))
            ]
            self._read[key] = np.concatenate(shown), numbers[chosen]
        return self._read[key]

    def _shown(self, number: int, places: Sequence[Place], size_px: int) -> Floats:
        """(M, C) features of a few faces: those of all would not fit into memory at large sizes."""
        points = np.broadcast_to(UTKFACE.template("arcface5", size_px), (len(places), 5, 2))
        shown = self.judges[number].read(decoded(places, size_px).faces, points).features
        assert shown is not None
        return shown
