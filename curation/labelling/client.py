"""The door to a Label Studio server, over its HTTP interface. The token is read, kept and blanked out here only.

The server's own SDK is not used: it repeats a failed POST by itself, and a repeated import puts every task in twice;
it also brings thirty packages. Facts of the server (1.23.2, found by trying): an import is done whole or not at all;
`include` bounds what a list of tasks carries, so pictures stay where they are; of what is begun and not submitted it
shows only one's own; the answer to a refused import repeats
the tasks, pictures and all.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx2

from core.cells import visible
from core.errors import CafError
from curation.addresses import is_this_machine

URL_VARIABLE, TOKEN_VARIABLE = "LABEL_STUDIO_URL", "LABEL_STUDIO_TOKEN"
TIMEOUT_S: Final = 120.0
MAX_ERROR_LETTERS: Final = 200
TASKS_A_PAGE: Final = 500
TRIES: Final = 4
"""Of a request that only reads."""
PAUSE_S: Final = 0.5
"""Before the second try; each further one waits twice as long."""
NOBODY_THERE: Final = (httpx2.ConnectError, httpx2.ConnectTimeout)
"""Faults that come before a request has left."""
PASSING: Final = frozenset({429, 500, 502, 503, 504})
BEARER_S: Final = 120.0
"""How long a short-lived token is used; the server lets it live five minutes."""
PROJECT_FIELDS: Final = "id,title,label_config,maximum_annotations"
TASK_FIELDS: Final = "id,meta,total_annotations,cancelled_annotations"
LABEL_FIELDS: Final = "id,meta,annotations,result,completed_by,was_cancelled,created_at,updated_at"


class LabellingRefused(CafError):
    """The Label Studio server refuses, cannot be reached, or may not be asked."""


class Unsure(LabellingRefused):
    """A request that changes the server was sent and no answer came: it may have been done, or be done yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Where a server is, and what opens it. The token does not show in its repr."""

    url: str
    """Scheme, host and port."""
    token: str = field(repr=False)
    """Access token of a user who may manage projects: 40 hexadecimal digits, or a personal access token."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            # Each refuses what the other lets pass; what is refused may hold a password, and is not repeated.
            _, _ = parts.port, httpx2.URL(self.url)
        except (ValueError, httpx2.InvalidURL):
            raise ValueError(
                f"{URL_VARIABLE} is an address such as http://127.0.0.1:8080; its host or port cannot be"
            ) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise ValueError(f"{URL_VARIABLE} is an address such as http://127.0.0.1:8080, got {parts.hostname!r}")
        if parts.scheme == "http" and not is_this_machine(parts.hostname):
            raise ValueError(f"{URL_VARIABLE} would send the token unencrypted to {parts.hostname}; use https")
        if not self.token or not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise ValueError(f"{TOKEN_VARIABLE} is empty or holds letters that no token has; copy it again")

    def blank(self, text: str) -> str:
        """The text with *** for the token."""
        return text.replace(self.token, "***")


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """A project as the server has it."""

    number: int
    label_config: str
    """Its page, as Label Studio's XML."""
    num_annotators: int
    """Different people who see each task."""


def access_from_environment() -> Access:
    """From LABEL_STUDIO_URL and LABEL_STUDIO_TOKEN, the only place they are ever read from.

    Raises:
        LabellingRefused: one of them is not set.
        ValueError: one of them cannot be; the sentence does not hold the token.
    """
    values = {name: os.environ.get(name, "").strip() for name in (URL_VARIABLE, TOKEN_VARIABLE)}
    for name, value in values.items():
        if not value:
            raise LabellingRefused(f"{name} is not set; put it into the environment (label up says how)")
    return Access(url=values[URL_VARIABLE].rstrip("/"), token=values[TOKEN_VARIABLE])


class LabelStudio:
    """A server, over one connection. Not for two threads at once."""

    def __init__(self, access: Access, timeout_s: float = TIMEOUT_S) -> None:
        """Make a client; nothing is sent yet.

        Args:
            timeout_s: for the connection, and for each piece sent or received.
        """
        self.access = access
        # A proxy of the environment would see what goes unencrypted to this machine.
        trusts_proxies = access.url.startswith("https:")
        self._client = httpx2.Client(base_url=access.url, timeout=timeout_s, trust_env=trusts_proxies)
        self._bearer, self._bearer_until_s = "", 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def version(self) -> str:
        """Release of the server. Raises LabellingRefused if none answers there."""
        answer = self._read("/api/version")
        with self._reading():
            return str(answer.get("release", "unknown"))

    def user_ids(self) -> frozenset[int]:
        """Numbers of the people who have an account."""
        answer = self._read("/api/users")
        with self._reading():
            return frozenset(int(user["id"]) for user in answer)

    def projects(self) -> dict[str, list[Project]]:
        """Title -> the projects that have it, oldest first."""
        found: dict[str, list[Project]] = {}
        page = 1
        while True:
            answer = self._read("/api/projects", {"page": page, "page_size": 200, "include": PROJECT_FIELDS})
            with self._reading():
                for one in answer["results"]:
                    seen = Project(
                        number=int(one["id"]),
                        label_config=str(one["label_config"]),
                        num_annotators=int(one["maximum_annotations"]),
                    )
                    found.setdefault(str(one["title"]), []).append(seen)
            if not answer.get("next"):
                return {title: sorted(some, key=lambda one: one.number) for title, some in found.items()}
            page += 1

    def create_project(self, project: Mapping[str, object]) -> int:
        """Make a project; gives back its number."""
        answer = self._change("POST", "/api/projects", project)
        with self._reading():
            return int(answer["id"])

    def change_project(self, number: int, project: Mapping[str, object]) -> None:
        """Make a project what is given."""
        self._change("PATCH", f"/api/projects/{number}", project)

    def tasks(self, project: int, *, with_labels: bool = False) -> Iterator[dict[str, Any]]:
        """Tasks of a project, oldest first, without their pictures; with what people said of them if asked for."""
        fields = {"include": LABEL_FIELDS, "fields": "all"} if with_labels else {"include": TASK_FIELDS}
        page, seen = 1, 0
        while True:
            answer = self._read("/api/tasks", {"project": project, "page": page, "page_size": TASKS_A_PAGE, **fields})
            with self._reading():
                tasks, total = [{**task, "id": int(task["id"])} for task in answer["tasks"]], int(answer["total"])
            yield from tasks
            seen += len(tasks)
            if not tasks or seen >= total:
                return
            page += 1

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, object]]) -> None:
        """Put tasks in, all or none. Never repeated here: after Unsure, look before asking again."""
        self._change("POST", f"/api/projects/{project}/import", tasks)

    def delete_tasks(self, project: int, numbers: Iterable[int]) -> None:
        """Take tasks out, with whatever hangs on them; of no numbers, none."""
        included = sorted(numbers)
        if not included:
            return  # an empty list means every task of the project to the server
        selected = {"all": False, "included": included}
        path = f"/api/dm/actions?id=delete_tasks&project={project}"
        self._change("POST", path, {"selectedItems": selected, "project": project})

    def connect_backend(self, project: int, url: str, title: str) -> None:
        """Tell a project of a model that makes suggestions; one that it knows already stays as it is."""
        known = self._read("/api/ml", {"project": project})
        with self._reading():
            addresses = [str(one["url"]) for one in known]
        if url not in addresses:
            self._change("POST", "/api/ml", {"project": project, "url": url, "title": title})

    def _read(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """What a GET gives, tried again where the fault may pass."""
        for number in range(TRIES):
            last = number == TRIES - 1
            try:
                response = self._client.get(path, params=query, headers=self._headers())
            except httpx2.RequestError as error:
                if last or isinstance(error, NOBODY_THERE):
                    raise self._unreachable(error) from None
            else:
                if response.status_code not in PASSING or last:
                    answer = self._checked(response)
                    if answer is None:
                        raise self._foreign()
                    return answer
            time.sleep(PAUSE_S * 2**number)
        raise AssertionError("the last try returns or raises")

    def _change(self, method: str, path: str, body: object) -> Any:
        """What a request that changes something gives. Sent once.

        Raises:
            Unsure: no answer, or one of a proxy before the server.
            LabellingRefused: the server says no.
        """
        headers = self._headers()
        try:
            response = self._client.request(method, path, json=body, headers=headers)
        except NOBODY_THERE as error:
            raise self._unreachable(error) from None
        except httpx2.RequestError as error:
            raise Unsure(f"{self.access.url} did not answer ({type(error).__name__}); run the same again") from None
        if response.status_code in PASSING:
            raise Unsure(f"{self.access.url} answered {response.status_code}; run the same again")
        return self._checked(response)

    def _checked(self, response: httpx2.Response) -> Any:
        """The JSON of a good answer, None where it is none; a sentence of a bad one."""
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        if response.is_success:
            return body
        detail = body if isinstance(body, dict) else {}
        said = json.dumps(detail.get("validation_errors") or detail.get("detail") or "", ensure_ascii=False)
        said = self.access.blank(visible(said))[:MAX_ERROR_LETTERS]
        remedy = f"; check {TOKEN_VARIABLE}" if response.status_code == 401 else ""
        raise LabellingRefused(f"{self.access.url} refuses with {response.status_code}: {said}{remedy}")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What is read of an answer here has to be in it."""
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._foreign() from None

    def _foreign(self) -> LabellingRefused:
        return LabellingRefused(
            f"{self.access.url} gives an answer that is none of Label Studio's; check {URL_VARIABLE}"
        )

    def _unreachable(self, error: httpx2.RequestError) -> LabellingRefused:
        name = type(error).__name__
        return LabellingRefused(f"{self.access.url} cannot be reached ({name}); is the server running?")

    def _headers(self) -> dict[str, str]:
        """With the token, or with what a personal access token is exchanged for."""
        if "." not in self.access.token:
            return {"Authorization": f"Token {self.access.token}"}
        if time.monotonic() > self._bearer_until_s:
            try:
                response = self._client.post("/api/token/refresh", json={"refresh": self.access.token})
            except httpx2.RequestError as error:
                raise self._unreachable(error) from None
            answer = self._checked(response)
            with self._reading():
                self._bearer = str(answer["access"])
            self._bearer_until_s = time.monotonic() + BEARER_S
        return {"Authorization": f"Bearer {self._bearer}"}
