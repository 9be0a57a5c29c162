"""A Hub on loopback: data set repositories with commits, tags, large files, gates and whoever may see what.

It speaks the protocol of huggingface.co as its client library uses it, and knows nothing of our code. Before or after
any request it can be told to answer otherwise, to hang up, or to do something else first.
"""

import base64
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

LARGE = (".parquet", ".png")
OWNER = "hf_owner"
"""Token of who may write everywhere; any but this and the next is a stranger's."""
LETS_IN = "hf_reader"
"""Token of somebody let through every gate, but who sees nothing private."""


@dataclass
class Entry:
    """A file of a commit."""

    data: bytes | None
    """None for a large file."""
    sha256: str
    size: int

    @property
    def oid(self) -> str:
        data = self.data
        if data is None:
            data = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Commit:
    tree: dict[str, Entry]
    parent: str | None
    title: str


@dataclass
class Repo:
    private: bool
    gated: str | bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    head: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)

    def add(self, tree: dict[str, Entry], title: str, parent: str | None) -> str:
        names = [(path, entry.oid) for path, entry in sorted(tree.items())]
        sha = hashlib.sha1(json.dumps([names, title, parent, len(self.commits)]).encode()).hexdigest()
        self.commits[sha] = Commit(tree, parent, title)
        self.head = sha
        return sha

    def find(self, revision: str) -> str | None:
        if revision == "main":
            return self.head
        return self.tags.get(revision) or (revision if revision in self.commits else None)

    def history(self) -> list[str]:
        found, sha = [], self.head or None
        while sha:
            found.append(sha)
            sha = self.commits[sha].parent
        return found

    def content(self, entry: Entry) -> bytes | None:
        return self.large.get(entry.sha256) if entry.data is None else entry.data

    def view(self, revision: str = "main") -> dict[str, str | None]:
        """What a reader of a revision finds: path -> SHA-256 of what they get, None for what is lost."""
        tree = self.commits[self.find(revision) or ""].tree
        contents = {path: self.content(entry) for path, entry in tree.items()}
        return {path: None if data is None else hashlib.sha256(data).hexdigest() for path, data in contents.items()}


@dataclass(frozen=True)
class Asked:
    """A request, as faults see it."""

    number: int
    """From 1, since the last `forget`."""
    method: str
    path: str


Fault = Callable[[Asked, str], "int | str | None"]
"""Called with "before" and "after"; gives back a status to answer with, "reset" to hang up, None to go on."""


class HubServer:
    """A Hub; use as a context."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.asked: list[Asked] = []
        self.bodies: list[bytes] = []
        self.headers: list[tuple[str, str]] = []
        self.fault: Fault | None = None
        self.owners = {OWNER}
        """Tokens of those who may write everywhere."""
        self.makes_public = False
        """Whether new repositories become public whatever was asked for."""
        self.keeps_open = False
        """Whether a gate that is asked for is not put up."""
        self.said = ""
        """Added to each error message."""
        self.lock = threading.RLock()
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "HubServer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def forget(self) -> None:
        """Count requests anew."""
        with self.lock:
            self.asked, self.bodies, self.headers, self.fault = [], [], [], None


class _Handler(BaseHTTPRequestHandler):
    hub: ClassVar[HubServer]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body go out one by one: each answer would wait 40 ms

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        hub = self.hub
        with hub.lock:
            asked = Asked(len(hub.asked) + 1, self.command, self.path.partition("?")[0])
            hub.asked.append(asked)
            hub.bodies.append(body)
            hub.headers.append((asked.path, self.headers.get("Authorization") or ""))
            fault = hub.fault
        if fault and self.fails(fault(asked, "before")):
            return
        with hub.lock:
            self.reply = (404, b"{}", {"X-Error-Code": "RepoNotFound"})
            self.route(urlsplit(self.path), body)
        if fault and self.fails(fault(asked, "after")):
            return
        self.send(*self.reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

    def fails(self, how: int | str | None) -> bool:
        if how is None:
            return False
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return True
        assert isinstance(how, int)
        self.send(how, json.dumps({"error": f"told to fail {self.hub.said}"}).encode(), {})
        return True

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def tell(self, values: object, status: int = 200) -> None:
        self.reply = (status, json.dumps(values).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str, message: str = "") -> None:
        said = f"{message} {self.hub.said}".strip()
        self.reply = (status, json.dumps({"error": said}).encode(), {"X-Error-Code": code, "X-Error-Message": said})

    @property
    def token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def route(self, address: Any, body: bytes) -> None:
        path, query = unquote(address.path), parse_qs(address.query)
        is_owner = self.token in self.hub.owners
        if path == "/api/repos/create":
            self.create(json.loads(body)) if is_owner else self.refuse(401, "", "Invalid credentials")
            return
        if path == "/api/validate-yaml":
            self.validate(json.loads(body)["content"])
            return
        if match := re.fullmatch(r"/large/(.+?)/([0-9a-f]{64})", path):
            self.keep_large(self.hub.repos[match[1]], match[2], body)
            return
        match = re.match(r"/(?:api/)?datasets/([\w.-]+/[\w.-]+?)(\.git)?(?:/(.*))?$", path)
        if not match:
            return
        name, rest = match[1], match[3] or ""
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and not is_owner):
            self.refuse(404 if self.token else 401, "RepoNotFound", "Repository not found")
            return
        writes = self.command not in ("GET", "HEAD") and not rest.startswith("paths-info")
        if writes and not is_owner:
            self.refuse(403, "", "this token may not write")
            return
        if repo.gated and rest.startswith("resolve") and not is_owner and self.token != LETS_IN:
            self.refuse(403, "GatedRepo", "Access to this dataset is restricted")
            return
        self.in_repo(name, repo, rest, query, body)

    def in_repo(self, name: str, repo: Repo, rest: str, query: dict[str, list[str]], body: bytes) -> None:
        verb, _, argument = rest.partition("/")
        if rest == "" or verb == "revision":
            self.with_commit(repo, argument or "main", lambda sha: self.info(name, repo, sha))
        elif verb == "tree":
            revision, _, folder = argument.partition("/")
            self.with_commit(repo, revision, lambda sha: self.tree(repo, sha, folder, "recursive" in query))
        elif verb == "paths-info":
            wanted = parse_qs(body.decode())["paths"]
            self.with_commit(repo, argument, lambda sha: self.paths(repo, sha, wanted))
        elif verb == "resolve":
            revision, _, path = argument.partition("/")
            self.with_commit(repo, revision, lambda sha: self.resolve(repo, sha, path))
        elif rest == "refs":
            main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.head}
            tags = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": c} for n, c in repo.tags.items()]
            self.tell({"branches": [main], "converts": [], "tags": tags, "pullRequests": []})
        elif verb == "commits":
            self.tell(
                [
                    {"id": sha, "authors": [], "date": "2026-01-01T00:00:00.000Z", "title": repo.commits[sha].title,
                     "message": ""}
                    for sha in repo.history()
                ]
            )  # fmt: skip
        elif rest == "settings":
            self.settings(repo, json.loads(body))
        elif verb == "preupload":
            files = [file["path"] for file in json.loads(body)["files"]]
            tree = repo.commits[repo.head].tree
            self.tell(
                {
                    "files": [
                        {
                            "path": path,
                            "uploadMode": "lfs" if path.endswith(LARGE) else "regular",
                            "shouldIgnore": False,
                            "oid": tree[path].oid if path in tree else None,
                        }
                        for path in files
                    ]
                }
            )
        elif rest == "info/lfs/objects/batch":
            self.batch(name, repo, json.loads(body))
        elif verb == "commit":
            self.commit(name, repo, argument, [json.loads(line) for line in body.splitlines()])
        elif verb == "tag" and self.command == "POST":
            self.tag(repo, argument, json.loads(body)["tag"])
        elif verb == "tag":
            if repo.tags.pop(argument, None) is None:
                self.refuse(404, "RevisionNotFound", "no such tag")
            else:
                self.tell({})
        elif verb == "super-squash":
            repo.add(repo.commits[repo.head].tree, json.loads(body)["message"], None)
            self.prune(repo)
            self.tell({})
        elif rest == "lfs-files":
            held = [
                {"fileOid": sha, "filename": sha, "oid": sha, "pushedAt": "2026-01-01T00:00:00.000Z", "size": len(data)}
                for sha, data in repo.large.items()
            ]
            self.tell(held)
        elif rest == "lfs-files/batch":
            for sha in json.loads(body)["deletions"]["sha"]:
                repo.large.pop(sha, None)
            self.tell({})

    def with_commit(self, repo: Repo, revision: str, answer: Callable[[str], None]) -> None:
        sha = repo.find(revision)
        if sha is None:
            self.refuse(404, "RevisionNotFound", f"no revision {revision}")
        else:
            answer(sha)

    def info(self, name: str, repo: Repo, sha: str) -> None:
        siblings = [{"rfilename": path} for path in repo.commits[sha].tree]
        values = {"id": name, "_id": name, "sha": sha, "private": repo.private, "gated": repo.gated}
        self.tell(values | {"siblings": siblings, "tags": [], "downloads": 0, "likes": 0, "disabled": False})

    def tree(self, repo: Repo, sha: str, folder: str, is_recursive: bool) -> None:
        found: dict[str, dict[str, Any]] = {}
        files = repo.commits[sha].tree
        start = f"{folder}/" if folder else ""
        for path in files:
            if not path.startswith(start):
                continue
            parts = path.removeprefix(start).split("/")
            for depth in range(1, len(parts)):
                if depth == 1 or is_recursive:
                    at = start + "/".join(parts[:depth])
                    found[at] = {"type": "directory", "path": at, "oid": "1" * 40, "size": 0}
            if len(parts) == 1 or is_recursive:
                found[path] = self.described(path, files[path])
        if not found and folder:
            self.refuse(404, "EntryNotFound", f"no folder {folder}")
        else:
            self.tell(list(found.values()))

    def described(self, path: str, entry: Entry) -> dict[str, Any]:
        values: dict[str, Any] = {"type": "file", "path": path, "oid": entry.oid, "size": entry.size}
        if entry.data is None:
            values["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 130}
        return values

    def paths(self, repo: Repo, sha: str, wanted: list[str]) -> None:
        files = repo.commits[sha].tree
        found = [self.described(path, files[path]) for path in wanted if path in files]
        folders = [path for path in wanted if any(file.startswith(f"{path.rstrip('/')}/") for file in files)]
        self.tell([*found, *({"type": "directory", "path": path, "oid": "1" * 40, "size": 0} for path in folders)])

    def resolve(self, repo: Repo, sha: str, path: str) -> None:
        entry = repo.commits[sha].tree.get(path)
        data = None if entry is None else repo.content(entry)
        if entry is None or data is None:
            self.refuse(404, "EntryNotFound", f"no file {path}")
            return
        etag = entry.sha256 if entry.data is None else entry.oid
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": sha, "Accept-Ranges": "bytes"}
        if entry.data is None:
            headers |= {"X-Linked-Size": str(entry.size), "X-Linked-ETag": f'"{etag}"'}
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            first, last = int(match[1]), min(int(match[2] or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            self.reply = (206, data[first : last + 1], headers)
        else:
            self.reply = (200, data, headers)

    def create(self, values: dict[str, Any]) -> None:
        name = f"{values['organization']}/{values['name']}"
        if name in self.hub.repos:
            self.tell({"error": "You already created this dataset repo", "url": f"{self.hub.address}/{name}"}, 409)
            return
        repo = Repo(private=values.get("visibility") == "private" and not self.hub.makes_public)
        repo.add({".gitattributes": Entry(b"*.parquet lfs\n", "", 14)}, "initial commit", None)
        self.hub.repos[name] = repo
        self.tell({"url": f"{self.hub.address}/datasets/{name}", "name": name, "id": name})

    def settings(self, repo: Repo, values: dict[str, Any]) -> None:
        if "gated" in values and not self.hub.keeps_open:
            repo.gated = values["gated"]
        if "visibility" in values:
            repo.private = values["visibility"] == "private"
        self.tell({})

    def validate(self, content: str) -> None:
        head = content.split("---\n")[1] if content.startswith("---\n") else ""
        try:
            yaml.safe_load(head)
            self.tell({"errors": [], "warnings": []})
        except yaml.YAMLError as error:
            self.tell({"errors": [{"message": str(error)}], "warnings": []}, 400)

    def batch(self, name: str, repo: Repo, values: dict[str, Any]) -> None:
        objects = []
        for one in values["objects"]:
            answer: dict[str, Any] = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in repo.large:
                answer["actions"] = {"upload": {"href": f"{self.hub.address}/large/{name}/{one['oid']}"}}
            objects.append(answer)
        self.tell({"transfer": "basic", "objects": objects})

    def keep_large(self, repo: Repo, sha256: str, body: bytes) -> None:
        if hashlib.sha256(body).hexdigest() != sha256:
            self.refuse(400, "", "the bytes have another digest")
            return
        repo.large[sha256] = body
        self.tell({})

    def commit(self, name: str, repo: Repo, branch: str, lines: list[dict[str, Any]]) -> None:
        header = lines[0]["value"]
        if branch != "main":
            self.refuse(404, "RevisionNotFound", f"no branch {branch}")
            return
        if header.get("parentCommit") not in (None, repo.head):
            self.refuse(412, "", "A commit has happened since. Please refresh and try again.")
            return
        tree = dict(repo.commits[repo.head].tree)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                data = base64.b64decode(value["content"])
                tree[value["path"]] = Entry(data, hashlib.sha256(data).hexdigest(), len(data))
            elif line["key"] == "lfsFile":
                if value["oid"] not in repo.large:
                    self.refuse(400, "", f"{value['path']} was not uploaded")
                    return
                tree[value["path"]] = Entry(None, value["oid"], len(repo.large[value["oid"]]))
            elif line["key"] == "deletedFile" and value["path"] in tree:
                del tree[value["path"]]
            else:
                self.refuse(400, "", f"cannot {line}")
                return
        sha = repo.add(tree, header["summary"], repo.head)
        self.tell({"success": True, "commitOid": sha, "commitUrl": f"{self.hub.address}/datasets/{name}/commit/{sha}"})

    def tag(self, repo: Repo, revision: str, name: str) -> None:
        sha = repo.find(revision)
        if sha is None:
            self.refuse(404, "RevisionNotFound", f"no revision {revision}")
        elif name in repo.tags:
            self.refuse(409, "", f"tag {name} is there already")
        else:
            repo.tags[name] = sha
            self.tell({})

    def prune(self, repo: Repo) -> None:
        """Forget the commits that no branch and no tag leads to."""
        kept, waiting = set(), [repo.head, *repo.tags.values()]
        while waiting:
            sha = waiting.pop()
            if sha not in kept:
                kept.add(sha)
                waiting += [parent] if (parent := repo.commits[sha].parent) else []
        repo.commits = {sha: commit for sha, commit in repo.commits.items() if sha in kept}

    def log_message(self, *_: object) -> None:
        """Silent."""
