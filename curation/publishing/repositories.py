"""The repository of an edition: made private, looked at before and after, changed by one commit, tagged.

Each change is asked for until it reads back as done, so a run that was broken off at any request is finished by the
same command, and finds done what is done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from curation.publishing.editions import FILE, Edition, Stamp, tag_of, version_of
from curation.publishing.hub import Hub, Place
from curation.publishing.refusals import HubRefused
from curation.publishing.staging import listed_files

UNTOUCHED = frozenset({".gitattributes", "README.md"})
"""What may lie in a repository that nothing was published to yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """Where an edition lies on a Hub."""

    hub: Hub
    edition: Edition
    base: str
    """Repository of the metadata."""
    working: Path
    """Folder for what is downloaded."""

    @property
    def name(self) -> str:
        """ORG/NAME of it."""
        return self.edition.repo(self.base)

    def ready(self, *, may_be_public: bool) -> tuple[Place, Stamp | None]:
        """Make the repository if there is none, gate it if its edition is gated, and look whether that is so.

        Args:
            may_be_public: whether it was asked for that everybody sees it.
        Raises:
            HubRefused: it is seen by more than was asked for, or holds something else; nothing was changed then.
        """
        place = self.hub.settle(self._look, lambda: self.hub.create(self.name), f"make {self.name}")
        stamp = self.stamp(place)
        if not place.is_private and not (may_be_public and stamp is not None):
            asked = "its first version goes up in private" if may_be_public else "--public was not given"
            raise HubRefused(f"{self.name} is public, but {asked}; make it private there, then run the command again")
        if stamp is None and (others := self.others(place)):
            raise HubRefused(f"{self.name} holds {others[0]}, and no {FILE}; choose a repository of its own")
        if self.edition.is_gated and place.gated != "manual" and place.is_private:
            what = f"gate {self.name}"
            place = self.hub.settle(self._look_gated, lambda: self.hub.gate(self.name), what)
        self._check_gate(place)
        return place, stamp

    def place(self) -> Place:
        """The repository as it is now. Raises HubRefused if it is gone."""
        place = self._look()
        if place is None:
            raise HubRefused(f"{self.name} is not there any more, or {self.hub.endpoint} no longer shows it")
        return place

    def check_seen(self, *, may_be_public: bool) -> None:
        """Raise HubRefused if the repository is seen by more than was asked for."""
        place = self.place()
        if not place.is_private and not may_be_public:
            raise HubRefused(f"{self.name} became public in the meantime; make it private there")
        self._check_gate(place)

    def stamp(self, place: Place) -> Stamp | None:
        """What the edition says of itself; None before the first version."""
        path = self.hub.fetch(self.name, place.head, FILE, self.working / place.head)
        if path is None:
            return None
        stamp = Stamp.decode(path.read_bytes(), self.name)
        if stamp.edition != self.edition.name:
            raise HubRefused(f"{self.name} holds the edition {stamp.edition}, not {self.edition.name}")
        return stamp

    def others(self, place: Place) -> list[str]:
        """Files of a repository that are there before anything is published to it, and should not be."""
        return sorted(self.hub.digests(self.name, place.head).keys() - UNTOUCHED)

    def replace(self, place: Place, stamp: Stamp, folder: Path, may_go_up: Callable[[], None]) -> bool:
        """Put a staged version in the place of the one before, in one commit; False where it is there already.

        Args:
            place: as it was when the version was made.
            stamp: of the version.
            folder: holds its papers and those of its parts that are new.
            may_go_up: called before each attempt; raises where the version may no longer go up.
        Raises:
            HubRefused: somebody else published in the meantime.
        """
        present = self.hub.digests(self.name, place.head)
        fresh = [part for part in stamp.parts if present.get(part.path) != part.sha256]
        files = listed_files(folder, fresh)
        named = {part.path for part in stamp.parts}
        deleted = [path for path in present if path.startswith(f"{self.edition.name}/") and path not in named]
        tries = 0

        def wanted() -> Place | None:
            found = self.place()
            there = self.stamp(found)
            if there == stamp:
                return found
            if found.head != place.head:
                raise HubRefused(f"{self.name} was changed by somebody else in the meantime; run the command again")
            return None

        def act() -> None:
            nonlocal tries
            tries += 1
            may_go_up()
            summary = f"Version {stamp.version}"
            self.hub.commit(self.name, place.head, files, deleted, summary, stamp.changes[0].text)

        found = self.hub.settle(wanted, act, f"take version {stamp.version} of {self.name}")
        self.check(found, stamp)
        return tries > 0

    def check(self, place: Place, stamp: Stamp) -> None:
        """Raise HubRefused unless every part is there, byte for byte."""
        present = self.hub.digests(self.name, place.head)
        for part in stamp.parts:
            if present.get(part.path) != part.sha256:
                raise HubRefused(f"{self.name} does not have {part.path} as it was sent; look there yourself")

    def tag(self, version: int) -> None:
        """Name what main is at after a version. Raises HubRefused if that name is taken by something else."""
        name, head = tag_of(version), self.place().head

        def wanted() -> bool | None:
            commit = self.hub.tags(self.name).get(name)
            if commit not in (None, head):
                raise HubRefused(f"the tag {name} of {self.name} is on another commit than main; move or delete it")
            return True if commit else None

        self.hub.settle(wanted, lambda: self.hub.tag(self.name, name, head), f"tag {self.name} as {name}")

    def untag(self, name: str) -> None:
        """Take a tag away, if it is there."""

        def wanted() -> bool | None:
            return True if name not in self.hub.tags(self.name) else None

        self.hub.settle(wanted, lambda: self.hub.untag(self.name, name), f"take the tag {name} off {self.name}")

    def forget_history(self, stamp: Stamp) -> int:
        """Leave of the repository what main is now, under one tag; everything else goes, large files for good.

        Gives back how many large files went.
        """
        if self.hub.num_commits(self.name) > 1:
            for tag in self.hub.tags(self.name):
                self.untag(tag)
            self.hub.settle(
                lambda: self.hub.num_commits(self.name) == 1 or None,
                lambda: self.hub.squash(self.name, f"Version {stamp.version}"),
                f"squash the history of {self.name}",
            )
        head = self.place().head
        for tag, commit in self.hub.tags(self.name).items():
            if commit != head:
                self.untag(tag)
        named = set(self.hub.digests(self.name, head).values())
        unnamed = self.hub.large_files(self.name) - named
        self.hub.settle(
            lambda: self.hub.large_files(self.name) <= named or None,
            lambda: self.hub.delete_large_files(self.name, unnamed),
            f"delete large files of {self.name}",
        )
        self.check(self.place(), stamp)
        self.tag(stamp.version)
        return len(unnamed)

    def newest_tag(self) -> int:
        """Highest version that there is a tag for; 0 without any."""
        return max(map(version_of, self.hub.tags(self.name)), default=0)

    def open(self) -> None:
        """Let everybody see it; the gate of a gated edition stays, and is looked at again."""

        def wanted() -> Place | None:
            place = self.place()
            self._check_gate(place)
            return None if place.is_private else place

        self.hub.settle(wanted, lambda: self.hub.open(self.name), f"make {self.name} public")

    def _look(self) -> Place | None:
        return self.hub.look(self.name)

    def _look_gated(self) -> Place | None:
        place = self._look()
        return place if place is not None and place.gated == "manual" else None

    def _check_gate(self, place: Place) -> None:
        if self.edition.is_gated and place.gated != "manual":
            said = f"gated: {place.gated}" if place.gated else "not gated"
            raise HubRefused(
                f"{self.name} holds pictures and is {said}; make it private there, or let in readers by hand"
            )
