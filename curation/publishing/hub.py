"""The one door to the Hugging Face Hub: data set repositories, what lies in them, and changes to them.

The token comes from the environment only. It is sent in the header of requests to the Hub and nowhere else: not shown
by `repr`, and struck out of whatever the Hub says in an error.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.tqdm import disable_progress_bars

from curation.addresses import is_this_machine
from curation.publishing.refusals import HubBusy, HubRefused

TOKEN: Final = "HF_TOKEN"
ENDPOINT: Final = "HF_ENDPOINT"
HUGGING_FACE: Final = "https://huggingface.co"
KIND: Final = "dataset"
MAIN: Final = "main"
PASSING: Final = frozenset({408, 409, 412, 423, 425, 429, 500, 502, 503, 504})
"""Answers after which it is worth looking again: conflicts, limits, faults of the server."""
ATTEMPTS: Final = 5
LONGEST_PAUSE_S: Final = 60.0
MAX_SAID: Final = 300
"""Characters of an error message that are passed on."""

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A repository as it is at one moment."""

    head: str
    """Commit that its main branch is at."""
    is_private: bool
    gated: str
    """"manual", "auto", or "" where whoever sees it may read it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hub:
    """A Hub and who speaks to it. Every method that only reads asks again while the Hub is busy.

    All methods raise HubRefused, those that change something HubBusy too: look what is there, then ask again.
    """

    endpoint: str
    token: str = field(repr=False)
    pause_s: float = 1.0
    """Before asking again the first time; doubles from there."""
    api: HfApi = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.token.strip():
            raise ValueError("the token is empty")
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{ENDPOINT} is an address such as {HUGGING_FACE}, got {parts.hostname!r}")
        if parts.scheme == "http" and not is_this_machine(parts.hostname):
            raise ValueError(f"{ENDPOINT} would send the token unencrypted to {parts.hostname}; use https")
        disable_progress_bars()
        object.__setattr__(self, "api", HfApi(endpoint=self.endpoint, token=self.token))

    @classmethod
    def from_environment(cls) -> Self:
        """The Hub at HF_ENDPOINT, huggingface.co if that is not set, with the token HF_TOKEN.

        Raises:
            HubRefused: there is no token in the environment.
            ValueError: the token would go unencrypted over the network.
        """
        token = os.environ.get(TOKEN, "").strip()
        if not token:
            raise HubRefused(f"there is no token in the environment; set {TOKEN} to one that may write")
        return cls(endpoint=os.environ.get(ENDPOINT, "").rstrip("/") or HUGGING_FACE, token=token)

    def look(self, repo: str) -> Place | None:
        """A repository as it is now; None if there is none that this token may see."""

        def ask() -> Place | None:
            try:
                found = self.api.dataset_info(repo)
            except RepositoryNotFoundError:
                return None
            return Place(head=str(found.sha), is_private=found.private is True, gated=str(found.gated or ""))

        return self._reading(f"show {repo}", ask)

    def tags(self, repo: str) -> dict[str, str]:
        """Name of each tag -> commit."""
        what = f"list the tags of {repo}"
        refs = self._reading(what, lambda: self.api.list_repo_refs(repo, repo_type=KIND))
        return {tag.name: tag.target_commit for tag in refs.tags}

    def other_branches(self, repo: str) -> list[str]:
        """Every reference but main and the tags: branches, pull requests, the Hub's own conversions."""
        what = f"list the branches of {repo}"
        refs = self._reading(what, lambda: self.api.list_repo_refs(repo, repo_type=KIND, include_pull_requests=True))
        every = [*refs.branches, *refs.converts, *(refs.pull_requests or [])]
        return [one.ref for one in every if one.ref != f"refs/heads/{MAIN}"]

    def digests(self, repo: str, revision: str) -> dict[str, str]:
        """Path of each file of a revision -> SHA-256 of a large file, git's object id of a small one."""

        def ask() -> dict[str, str]:
            entries = self.api.list_repo_tree(repo, revision=revision, repo_type=KIND, recursive=True)
            files = [entry for entry in entries if isinstance(entry, RepoFile)]
            return {file.path: file.blob_id if file.lfs is None else file.lfs.sha256 for file in files}

        return self._reading(f"list the files of {repo}", ask)

    def fetch(self, repo: str, revision: str, path: str, folder: Path) -> Path | None:
        """Download a file of a revision below `folder`; None if the revision has no such file."""

        def ask() -> Path | None:
            try:
                got = self.api.hf_hub_download(repo, path, repo_type=KIND, revision=revision, local_dir=folder)
            except LocalEntryNotFoundError:
                raise HubBusy(f"{path} of {repo} is out of reach") from None
            except EntryNotFoundError:
                return None
            return Path(got)

        return self._reading(f"give {path} of {repo}", ask)

    def create(self, repo: str) -> None:
        """Make an empty repository that only its owners see."""
        with self._asking(f"make {repo}"):
            self.api.create_repo(repo, repo_type=KIND, private=True)

    def gate(self, repo: str) -> None:
        """Let nobody read a repository whom its owners have not let in."""
        with self._asking(f"gate {repo}"):
            self.api.update_repo_settings(repo, repo_type=KIND, gated="manual")

    def open(self, repo: str) -> None:
        """Let everybody see a repository; a gate stays."""
        with self._asking(f"make {repo} public"):
            self.api.update_repo_settings(repo, repo_type=KIND, private=False)

    def commit(
        self, repo: str, parent: str, files: Mapping[str, Path], deleted: Sequence[str], summary: str, details: str
    ) -> None:
        """Add, replace and delete files in one commit on main, if main is still at `parent`.

        Args:
            files: path in the repository -> file here.
            deleted: paths in the repository.
        """
        changes: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
            *(CommitOperationAdd(path_in_repo=path, path_or_fileobj=file) for path, file in sorted(files.items())),
            *(CommitOperationDelete(path_in_repo=path, is_folder=False) for path in sorted(deleted)),
        ]
        with self._asking(f"take a commit to {repo}"):
            self.api.create_commit(
                repo,
                changes,
                commit_message=summary,
                commit_description=details,
                repo_type=KIND,
                revision=MAIN,
                parent_commit=parent,
            )

    def tag(self, repo: str, name: str, commit: str) -> None:
        """Give a commit a name that does not move."""
        with self._asking(f"tag {repo} as {name}"):
            self.api.create_tag(repo, tag=name, revision=commit, repo_type=KIND)

    def untag(self, repo: str, name: str) -> None:
        """Take a name away; the commit stays."""
        with self._asking(f"take the tag {name} off {repo}"):
            self.api.delete_tag(repo, tag=name, repo_type=KIND)

    def num_commits(self, repo: str) -> int:
        """Commits that lead to main."""
        what = f"list the commits of {repo}"
        return len(self._reading(what, lambda: self.api.list_repo_commits(repo, repo_type=KIND)))

    def squash(self, repo: str, summary: str) -> None:
        """Make one commit of all that lead to main; files stay as they are, what they were is forgotten."""
        with self._asking(f"squash the history of {repo}"):
            self.api.super_squash_history(repo, branch=MAIN, commit_message=summary, repo_type=KIND)

    def large_files(self, repo: str) -> set[str]:
        """SHA-256 of every large file that the repository keeps, whether a commit names it or not."""
        what = f"list the large files of {repo}"
        found = self._reading(what, lambda: list(self.api.list_lfs_files(repo, repo_type=KIND)))
        return {file.file_oid for file in found}

    def delete_large_files(self, repo: str, sha256: set[str]) -> None:
        """Delete large files for good, in every commit that names them."""
        with self._asking(f"delete large files of {repo}"):
            found = [file for file in self.api.list_lfs_files(repo, repo_type=KIND) if file.file_oid in sha256]
            self.api.permanently_delete_lfs_files(repo, found, repo_type=KIND)

    def settle(self, wanted: Callable[[], Made | None], act: Callable[[], None], what: str) -> Made:
        """Ask for a change until it reads back as done; what is done already is not asked for.

        So an answer that was lost on its way does no harm: the change is seen, not made twice.

        Args:
            wanted: looks at the Hub; gives back None as long as the change is not there.
            act: asks for the change.
            what: the change in words.
        Raises:
            HubBusy: the Hub stayed busy.
            HubRefused: it said no, or said yes and it is not so.
        """
        fault: HubRefused = HubRefused(f"the Hub was asked to {what}, said yes, and it is not so; look there yourself")
        for attempt in range(ATTEMPTS):
            found = wanted()
            if found is not None:
                return found
            if attempt:
                time.sleep(self.pause_s * 2 ** (attempt - 1))
            try:
                act()
            except HubBusy as error:
                fault = error
        found = wanted()
        if found is None:
            raise fault
        return found

    def _reading(self, what: str, ask: Callable[[], Made]) -> Made:
        for attempt in range(ATTEMPTS):
            try:
                with self._asking(what):
                    return ask()
            except HubBusy:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(min(LONGEST_PAUSE_S, self.pause_s * 2**attempt))
        raise AssertionError("the loop ends by return or raise")

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn what the client raises into one sentence. The cause is dropped: it holds the request, so the token."""
        try:
            yield
        except HfHubHTTPError as error:
            status = error.response.status_code
            fault = HubBusy if status in PASSING else HubRefused
            said = error.server_message or _first_line(error)
            hint = {401: f"; is {TOKEN} right?", 403: f"; may {TOKEN} write there?"}.get(status, "")
            sentence = f"the Hub was asked to {what} and answered {status}: {self._without_token(said)}{hint}"
        except HFValidationError as error:
            fault, sentence = HubRefused, self._without_token(_first_line(error))
        except (OSError, httpx2.TransportError) as error:
            fault, sentence = (
                HubBusy,
                f"the Hub could not be asked to {what}: {self._without_token(_first_line(error))}",
            )
        except ValueError as error:
            fault, sentence = HubRefused, f"the Hub was asked to {what}: {self._without_token(_first_line(error))}"
        else:
            return
        raise fault(sentence) from None

    def _without_token(self, text: str) -> str:
        return text.replace(self.token, "(token)")[:MAX_SAID]


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
