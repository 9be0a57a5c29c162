"""Pictures that are there more than once: copies of a file, of a photo, of a face; one of each cluster is kept.

Four signs, each of which makes two pictures one:

    same file           their SHA-256 is the same
    same photo          the long hash of one photo, whole, is that of the other, whole or with its edges cut off
                        (cafdata.duplicates), and the faces do not contradict
    same face picture   so are the long hashes of the aligned crops, and the faces do not contradict;
                        or the embeddings are nearly equal and all 256 bits of the crops agree as well as that,
                        though their first 64 do not

Faces contradict where the cosine of their embeddings is below CONTRADICTION: two people on one photo are two pictures.

Measured on composites of nobody and on faces of UTKFace, before drawn backgrounds. Of 566 copies made by one or two of
JPEG 50, a crop of 5 % anywhere, mirroring, half the size and grey, the hashes of photos found all, and no other pair;
of 316 the hashes of crops found 94 % with SCRFD's landmarks, of 266 98 % with dlib's. MobileFaceNet's cosines of copies
were 0.83 and more (grey and mirrored ones below 0.95), those of two people 0.69 in one of a thousand pairs, 0.86 at
most. A crop by 20 %, which no hash of the photo survives, is found in 29 % of cases by the hash of the crop and in 65 %
by embedding and crop together. Of 608 pairs of one composite at two ages, which resemble each other more than two
photos of a person do, these two took none for one picture with MobileFaceNet, one with dlib, whose embeddings lie
closer together. Cut tightly and before one background, such pairs are near-duplicates to their hashes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from cafdata.archive import Archive
from cafdata.duplicates import SAME_BITS, Hashes, as_bits, candidate_pairs, distances_bits, near_pairs, self_pairs
from cafdata.queue import ReviewItem
from core.identity import Embedding
from curation.alike import alike_pairs
from curation.stage import Drop

STAGE: Final = "duplicates"
CONTRADICTION: Final = 0.7
NEARLY_EQUAL: Final = 0.98

COMPLETENESS: Final = (
    "captured", "born", "licence", "author", "source_url", "source_revision", "licence_url", "attribution", "sex",
)  # fmt: skip
"""What is better known than not."""

Reason = Literal["same file", "same photo", "same face picture"]
REASONS: Final[tuple[Reason, ...]] = ("same file", "same photo", "same face picture")
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pictures:
    """What is compared of N pictures. Some 700 bytes a picture, and four for each number of the embedding."""

    picture_ids: Sequence[str]
    """Each once."""
    person_ids: Sequence[str]
    photo_sha256: Sequence[str]
    looks: Hashes
    """(N, L, 4) uint64: long hashes of the photo, whole first, then with its edges cut off (cafdata.picture_hash)."""
    crops: Hashes
    """(N, 4) uint64: long hashes of the aligned crops."""
    photo_px: Places
    """(N,) int64: width times height of the photo."""
    num_known: Places
    """(N,) int64: how much is known beside the picture."""
    embeddings: Embedding | None = None
    """(N, D) float32 of length 1, of one recogniser; None: hashes alone decide."""

    def __post_init__(self) -> None:
        count = len(self.picture_ids)
        if self.looks.ndim != 3 or self.looks.shape[2] != 4 or self.crops.shape != (count, 4):
            raise ValueError(f"looks are (N, L, 4), crops (N, 4) uint64, got {self.looks.shape}, {self.crops.shape}")
        for name in ("person_ids", "photo_sha256", "looks", "photo_px", "num_known", "embeddings"):
            value = getattr(self, name)
            if value is not None and len(value) != count:
                raise ValueError(f"{count} pictures, but {name} of {len(value)}")
        if len(set(self.picture_ids)) != count:
            raise ValueError("a picture id is there twice")

    def __len__(self) -> int:
        return len(self.picture_ids)


def gathered(rows: Iterable[Mapping[str, Any]]) -> Pictures:
    """Pictures out of rows that hold the fields of Candidate and Seen, read once, in any order.

    Args:
        rows: with "embedding" in all of them, or None in all.
    Raises:
        ValueError: a picture twice, some embeddings but not all, or not as many looks in all.
    """
    names: list[tuple[str, str, str]] = []
    looks: list[Hashes] = []
    crops: list[Hashes] = []
    sizes: list[tuple[int, int]] = []
    embeddings: list[Embedding] = []
    for row in rows:
        names.append((row["picture_id"], row["person_id"], row["photo_sha256"]))
        looks.append(as_bits(row["looks"]))
        crops.append(as_bits([row["long_hash"]]))
        num_known = sum(row.get(name) is not None for name in COMPLETENESS)
        sizes.append((int(row["photo_width_px"]) * int(row["photo_height_px"]), num_known))
        if row.get("embedding") is not None:
            embeddings.append(np.asarray(row["embedding"], dtype=np.float32))
    if len(embeddings) not in (0, len(names)):
        raise ValueError(f"{len(embeddings)} of {len(names)} pictures have an embedding; either all have one or none")
    if len({len(one) for one in looks}) > 1:
        raise ValueError(f"photos have {sorted({len(one) for one in looks})} looks; all are looked at in the same way")
    table = np.asarray(sizes, dtype=np.int64).reshape(-1, 2)
    return Pictures(
        picture_ids=[one for one, _, _ in names],
        person_ids=[one for _, one, _ in names],
        photo_sha256=[one for _, _, one in names],
        looks=np.stack(looks) if looks else np.empty((0, 1, 4), np.uint64),
        crops=np.concatenate(crops) if crops else np.empty((0, 4), np.uint64),
        photo_px=table[:, 0],
        num_known=table[:, 1],
        embeddings=np.stack(embeddings) if embeddings else None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Duplicates:
    """What became of pictures that are there more than once."""

    clusters: tuple[tuple[str, ...], ...]
    """Picture ids that are one picture, the kept one first, the others by name; clusters by their kept one."""
    dropped: dict[str, Drop]
    """By picture id: all but the kept ones; the detail names the one that is kept instead."""
    questions: tuple[ReviewItem, ...]
    """One for each further person that a cluster is filed under."""


def find_duplicates(pictures: Pictures, added_at: str) -> Duplicates:
    """Clusters of pictures that are one, whatever the order in which they come.

    Of each cluster the picture is kept whose photo has the most pixels, of these the one that most is known of, then
    the first by name. A hundred thousand pictures with 13 looks take 5 s of one core, 12 s with embeddings of 128
    numbers, and 400 MB beside what is handed over; four hundred thousand seven times as long and 1.1 GB.

    Args:
        pictures: all pictures of a run.
        added_at: ISO 8601, for the questions.
    """
    order = sorted(range(len(pictures)), key=lambda number: pictures.picture_ids[number])
    pictures = _taken(pictures, order)
    links = [_same_files(pictures), _same_photos(pictures), _same_faces(pictures)]
    labels = _connected(len(pictures), np.concatenate(links))
    is_photo = np.zeros(len(pictures), dtype=bool)
    is_photo[links[1].reshape(-1)] = True
    firsts = {sha: number for number, sha in reversed(list(enumerate(pictures.photo_sha256)))}
    best = np.lexsort((np.arange(len(pictures)), -pictures.num_known, -pictures.photo_px, labels))
    clusters, dropped, questions = [], {}, []
    for members in np.split(best, np.flatnonzero(np.diff(labels[best])) + 1):
        if len(members) < 2:
            continue
        kept, *others = members.tolist()
        name = pictures.picture_ids[kept]
        clusters.append((name, *(pictures.picture_ids[other] for other in sorted(others))))
        reasons: dict[int, Reason] = {}
        for other in others:
            sha = pictures.photo_sha256[other]
            if sha == pictures.photo_sha256[kept]:
                reasons[other] = "same file"
            else:
                # Copies of one file are linked to the first of them only, so that one speaks for all.
                reasons[other] = "same photo" if is_photo[other] or is_photo[firsts[sha]] else "same face picture"
            dropped[pictures.picture_ids[other]] = Drop(stage=STAGE, reason=reasons[other], detail=name)
        questions += _questions(pictures, kept, others, reasons, added_at)
    return Duplicates(
        clusters=tuple(sorted(clusters)), dropped=dict(sorted(dropped.items())), questions=tuple(questions)
    )


def against_archive(pictures: Pictures, archive: Archive) -> dict[str, Drop]:
    """Those pictures whose aligned crop an archive has already under another picture id, by picture id.

    Records say 64 bits of each picture's hash; only where these are near is a picture opened for the others. Pictures
    of the archive that are among those given are left out: they are the run's own. Crops in another framing are not
    recognised.

    Raises:
        ArchiveBroken: the archive is damaged.
    """
    from cafdata.picture_hash import long_hash  # brings torch along
    from core.images import decode_photo

    own = set(pictures.picture_ids)
    records = [record for record in archive.records() if record.picture_id not in own]
    likely = candidate_pairs(pictures.crops[:, :1], as_bits([record.phash for record in records]))
    wanted = {records[number].picture_id for number in np.unique(likely[:, 1]).tolist()}
    there = sorted(
        (picture.record.picture_id, long_hash(decode_photo(picture.data))) for picture in archive.pictures(wanted)
    )
    found: dict[str, Drop] = {}
    for one, other in near_pairs(pictures.crops, as_bits([value for _, value in there])).tolist():
        drop = Drop(stage=STAGE, reason="in the archive already", detail=there[other][0])
        found.setdefault(pictures.picture_ids[one], drop)
    return dict(sorted(found.items()))


def _taken(pictures: Pictures, order: list[int]) -> Pictures:
    """The same pictures in another order."""
    rows = np.asarray(order, dtype=np.int64)
    return Pictures(
        picture_ids=[pictures.picture_ids[number] for number in order],
        person_ids=[pictures.person_ids[number] for number in order],
        photo_sha256=[pictures.photo_sha256[number] for number in order],
        looks=pictures.looks[rows],
        crops=pictures.crops[rows],
        photo_px=pictures.photo_px[rows],
        num_known=pictures.num_known[rows],
        embeddings=None if pictures.embeddings is None else pictures.embeddings[rows],
    )


def _same_files(pictures: Pictures) -> Places:
    """(M, 2): each copy of a file with the first of them."""
    firsts: dict[str, int] = {}
    pairs = [(firsts.setdefault(sha, number), number) for number, sha in enumerate(pictures.photo_sha256)]
    table = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    return table[table[:, 0] < table[:, 1]]


def _same_photos(pictures: Pictures) -> Places:
    """(M, 2): copies of a photo, edges cut off or not; of each file one only is looked at."""
    copies = _same_files(pictures)[:, 1]
    rows = np.setdiff1d(np.arange(len(pictures)), copies)
    looks = pictures.looks[rows]
    pairs = near_pairs(looks.reshape(-1, 4), looks[:, 0]) if len(rows) else np.empty((0, 2), np.int64)
    pairs = np.sort(np.stack((pairs[:, 0] // max(1, looks.shape[1]), pairs[:, 1]), axis=1), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    return _not_contradicted(pictures, rows[pairs])


def _same_faces(pictures: Pictures) -> Places:
    """(M, 2): copies of an aligned crop."""
    pairs = _not_contradicted(pictures, self_pairs(pictures.crops))
    if pictures.embeddings is None:
        return pairs
    alike = alike_pairs(pictures.embeddings, NEARLY_EQUAL)
    bits = distances_bits(pictures.crops[alike[:, 0]], pictures.crops[alike[:, 1]])
    return np.concatenate((pairs, alike[bits <= SAME_BITS]))


def _not_contradicted(pictures: Pictures, pairs: Places) -> Places:
    """Those pairs whose embeddings may be of one face."""
    if pictures.embeddings is None:
        return pairs
    ones, others = (pictures.embeddings[pairs[:, side]] for side in (0, 1))
    cosines = np.einsum("md,md->m", ones, others, dtype=np.float64)
    return pairs[np.flatnonzero(cosines >= CONTRADICTION)]


def _connected(count: int, pairs: Places) -> Places:
    """(N,) number of each picture's cluster."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels, dtype=np.int64)


def _questions(
    pictures: Pictures, kept: int, others: Sequence[int], reasons: Mapping[int, Reason], added_at: str
) -> list[ReviewItem]:
    """For each further person of a cluster whether its best picture and the kept one show one person."""
    name = pictures.person_ids[kept]
    asked: dict[str, int] = {}
    for other in others:
        if pictures.person_ids[other] != name:
            asked.setdefault(pictures.person_ids[other], other)
    return [
        ReviewItem(
            kind="pair",
            picture_ids=(pictures.picture_ids[kept], pictures.picture_ids[other]),
            reason=f"the {reasons[other]} is filed under {name} and under {person}",
            source=STAGE,
            added_at=added_at,
        )
        for person, other in sorted(asked.items())
    ]
