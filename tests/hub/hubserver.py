"""A Hub on this machine: enough of its API for the real huggingface_hub client, and every way it can go wrong.

    with HubServer({"org/name": Repo({"config.json": b"{}"})}) as hub:
        ...  # HF_ENDPOINT=hub.url

Serves `/api/models?author=` (a list), `/api/models/ID[/revision/REV]`, `/api/models/ID/tree/REV`,
`/api/models/ID/safetensors-metadata/INDEX`,
`/api/whoami-v2` and
`/ID/resolve/REV/FILE` (GET, HEAD, Range, ETag, X-Repo-Commit). What was asked is kept in `hub.requests`.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlsplit

Fault = Literal[
    "429", "429-once", "429-ratelimit", "500", "503", "slow", "truncated", "html", "huge", "lying-huge", "blackhole",
    "reset", "bomb", "gzip", "redirect", "loop", "garbage", "list",
]  # fmt: skip
TOKEN = "hf_goodtokengoodtokengoodtoken"
STATUS = {"429": 429, "429-once": 429, "429-ratelimit": 429, "500": 500, "503": 503}


@dataclass(frozen=True)
class Repo:
    """One repository. `info_fault` goes wrong in the API's answer, `file_fault` in every file's."""

    files: dict[str, bytes] = field(default_factory=dict)
    gated: bool | str = False
    private: bool = False
    safetensors: dict[str, object] | None = None
    info: dict[str, object] = field(default_factory=dict)
    branches: tuple[str, ...] = ("main",)
    info_fault: Fault | None = None
    file_fault: Fault | None = None
    redirect: str = ""
    """Where files are sent on to with the fault `redirect`: the start of a URL."""
    renamed: str = ""
    """The id this repository has now; the API redirects there, as the Hub does after a rename."""
    sizes: bool = True
    metadata: bool = True
    """Whether the endpoint that lists all shards' headers answers; mirrors lack it."""
    retry_after: str = "7"
    """Seconds that a 429 asks to wait."""
    grown: dict[str, int] = field(default_factory=dict)
    """Files that go on beyond their stored bytes, with zeros: name → whole length."""
    at: dict[str, Repo] = field(default_factory=dict)
    """Branches whose files are others: branch → what it holds."""
    listed: dict[str, bytes] = field(default_factory=dict)
    """Files whose headers the list of all shards' headers gives in place of the repository's own."""
    range_fault: Fault | None = None
    """What goes wrong where some bytes of a file are asked for."""
    together: bool = False
    """Config and headers are held back until both are asked for (5 s at most)."""

    @property
    def commit(self) -> str:
        """A commit that changes when a file does."""
        listed = b"".join(name.encode() + b"\0" + data for name, data in sorted(self.files.items()))
        return hashlib.sha1(listed, usedforsecurity=False).hexdigest()


class Request(NamedTuple):
    """One request as it came in; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]


class HubServer:
    """The server, running between `with` and its end; `url` is what HF_ENDPOINT would be."""

    def __init__(self, repos: dict[str, Repo], *, latency: float = 0.0) -> None:
        self.repos = repos
        self.latency = latency
        """Seconds that every answer is held back."""
        self.sent = 0
        """Bytes of bodies sent."""
        self.requests: list[Request] = []
        self.refused: set[str] = set()
        """Paths that were answered with an error at least once."""
        self.stopping = threading.Event()
        self.both = threading.Barrier(2)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def paths(self, method: str | None = None) -> list[str]:
        """The paths asked for, of one method or of all."""
        return [r.path for r in self.requests if method in (None, r.method)]


class BlackHole:
    """An address that takes no connection and refuses none: its queue is full, so packets go unanswered."""

    def __enter__(self) -> Self:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self._listener.getsockname())
            self._fillers.append(filler)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        for each in (*self._fillers, self._listener):
            each.close()


def refused_url() -> str:
    """An address of this machine where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def etag(data: bytes) -> str:
    """The Hub's ETag of a small file: its git blob id."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    # The default of 5 drops connections that come together, and each waits a second to be tried again.
    hub: HubServer

    def handle_error(self, *_: object) -> None:
        """A client that gave up is what the tests are about; nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    @property
    def hub(self) -> HubServer:
        return self.server.hub  # type: ignore[attr-defined]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.hub.requests.append(Request(self.command, self.path, headers))
        if self.hub.latency:
            time.sleep(self.hub.latency)
        path = unquote(urlsplit(self.path).path).lstrip("/")
        self._gather(path)
        if path == "api/whoami-v2":
            self._whoami()
        elif path.startswith("api/models/") and "/safetensors-metadata/" in path:
            self._metadata(*path.removeprefix("api/models/").split("/safetensors-metadata/", 1))
        elif path.startswith("api/models/") and "/tree/" in path:
            self._tree(*path.removeprefix("api/models/").split("/tree/", 1))
        elif path == "api/models":
            self._list()
        elif path.startswith("api/models/"):
            name, _, revision = path.removeprefix("api/models/").partition("/revision/")
            self._info(name, revision or "main")
        elif "/resolve/" in path:
            name, _, rest = path.partition("/resolve/")
            self._file(name, rest)
        else:
            self._refuse(404, "", "nothing there")

    def _gather(self, path: str) -> None:
        """Hold a config or a list of headers back until the other is asked for as well."""
        held = any(repo.together for repo in self.hub.repos.values())
        if held and ("safetensors-metadata" in path or path.endswith("config.json")):
            with contextlib.suppress(threading.BrokenBarrierError):
                self.hub.both.wait(5)

    # -- the API --------------------------------------------------------------------------------------------

    def _info(self, name: str, revision: str) -> None:
        repo = self._find(name)
        if repo is None or not self._revision_known(repo, revision):
            return
        if repo.renamed:
            self._send(307, b"", {"Location": self.path.replace(name, repo.renamed, 1)})
            return
        repo = repo.at.get(revision, repo)
        body = json.dumps(_facts(name, repo, blobs="blobs=true" in self.path.lower())).encode()
        tag = f'W/"{etag(body)}"'
        if repo.info_fault is None and self.headers.get("If-None-Match") == tag:
            self._head(304, {"ETag": tag})
            return
        self._deliver(repo.info_fault, repo, body, {"Content-Type": "application/json; charset=utf-8", "ETag": tag})

    def _list(self) -> None:
        """The repositories of `author`, at most `limit`."""
        asked = dict(parse_qsl(urlsplit(self.path).query))
        own = [name for name in self.hub.repos if name.startswith(asked.get("author", ""))]
        found = [_facts(name, self.hub.repos[name], blobs=False) for name in own[: int(asked.get("limit", 1000))]]
        self._send(200, json.dumps(found).encode(), {"Content-Type": "application/json"})

    def _tree(self, name: str, revision: str) -> None:
        repo = self._find(name)
        if repo is None or not self._revision_known(repo, revision):
            return
        files = [
            {"type": "file", "path": file, "size": len(data), "oid": etag(data)}
            for file, data in sorted(repo.files.items())
        ]
        self._deliver(repo.info_fault, repo, json.dumps(files).encode(), {"Content-Type": "application/json"})

    def _metadata(self, name: str, index: str) -> None:
        """Every shard's header of `main` in one answer, as the Hub gives it: without the index's weight map."""
        repo = self._find(name)
        if repo is None:
            return
        if index not in repo.files or not repo.metadata:
            self._refuse(404, "EntryNotFound", "Entry not found")
            return
        files = {**repo.files, **repo.listed}
        listed = json.loads(files[index])
        shards = dict.fromkeys(listed.get("weight_map", {"": "gone.safetensors"}).values())
        headers = {s: json.loads(_header(files[s])) if s in files else {} for s in shards}
        body = json.dumps({"index": {"metadata": listed.get("metadata", {})}, "headers": headers}).encode()
        self._deliver(repo.info_fault, repo, body, {"Content-Type": "application/json"})

    def _whoami(self) -> None:
        if self._token_good():
            self._send(200, json.dumps({"name": "tester", "type": "user"}).encode(), {})
        else:
            self._refuse(401, "", "Invalid username or password.")

    # -- files ----------------------------------------------------------------------------------------------

    def _file(self, name: str, rest: str) -> None:
        repo = self._find(name)
        if repo is None:
            return
        held = {**dict.fromkeys((repo.commit, *repo.branches), repo), **repo.at}
        held |= {other.commit: other for other in repo.at.values()}
        known = [r for r in held if rest.startswith(f"{r}/")]
        if not known:
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
            return
        file, repo = rest.removeprefix(f"{known[0]}/"), held[known[0]]
        if repo.gated and not self._token_good():
            status = 403 if self.headers.get("Authorization") else 401
            self._refuse(status, "GatedRepo", f"Access to model {name} is restricted.")
        elif file not in repo.files:
            self._refuse(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": repo.commit})
        else:
            self._content(repo, repo.files[file], repo.grown.get(file))

    def _content(self, repo: Repo, data: bytes, length: int | None) -> None:
        length = len(data) if length is None else length
        headers = {
            "ETag": f'"{etag(data)}"', "X-Repo-Commit": repo.commit, "Accept-Ranges": "bytes",
            "Content-Type": "text/plain",
        }  # fmt: skip
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and repo.range_fault:
            self._deliver(repo.range_fault, repo, data, headers)
        elif wanted.startswith("bytes=") and not repo.file_fault:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start = int(first) if first else max(0, length - int(last))
            stop = min(int(last) + 1, length) if first and last else length
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{length}"
            self._send(206, data[start:stop].ljust(stop - start, b"\0"), headers)
        else:
            self._deliver(repo.file_fault, repo, data, headers)

    # -- who may see what -------------------------------------------------------------------------------------

    def _find(self, name: str) -> Repo | None:
        given = self.headers.get("Authorization")
        if given and not self._token_good() and given != "Bearer hf_stranger":
            self._refuse(401, "", "Invalid credentials in Authorization header")
            return None
        repo = self.hub.repos.get(name)
        if repo is None:
            self._refuse(401, "", "Invalid username or password.")
            return None
        if repo.private and not self._token_good():
            self._refuse(401, "RepoNotFound", "Repository not found")
            return None
        return repo

    def _revision_known(self, repo: Repo, revision: str) -> bool:
        if revision in (repo.commit, *repo.branches):
            return True
        self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return False

    def _token_good(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    # -- answers, good and bad --------------------------------------------------------------------------------

    def _deliver(self, fault: Fault | None, repo: Repo, body: bytes, headers: dict[str, str]) -> None:
        if fault == "429-once" and self.path in self.hub.refused:
            fault = None
        if fault in STATUS:
            self.hub.refused.add(self.path)
            extra = (
                {"Retry-After": repo.retry_after}
                if fault in ("429", "429-once")
                else {"RateLimit": '"api";r=0;t=55'}
                if "429" in fault
                else {}
            )
            self._refuse(STATUS[fault], "", "busy", extra)
        elif fault in ("gzip", "bomb"):
            packed = gzip.compress(body if fault == "gzip" else bytes(300_000_000), 9 if fault == "gzip" else 1)
            self._send(200, packed, {**headers, "Content-Encoding": "gzip"})
        elif fault in ("redirect", "loop"):
            self._send(302, b"", {"Location": f"{repo.redirect}{self.path}"})
        elif fault in ("html", "garbage", "list"):
            odd = {"html": b"<!DOCTYPE html><html>sign in</html>", "garbage": b'{"a": \x00', "list": b"[]"}[fault]
            self._send(200, odd, {**headers, "Content-Type": "text/html"})
        elif fault is None:
            self._send(200, body, headers)
        else:
            self._wire(fault, body, headers)

    def _wire(self, fault: Fault, body: bytes, headers: dict[str, str]) -> None:
        """Faults below the level of a whole answer."""
        self.close_connection = True
        if fault == "blackhole":
            self.hub.stopping.wait(30)
        elif fault == "reset":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "truncated":
            self._head(200, {**headers, "Content-Length": str(len(body) + 100)})
            self.wfile.write(body[: len(body) // 2])
        elif fault == "slow":
            self._head(200, {**headers, "Content-Length": str(len(body))})
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                if self.hub.stopping.wait(0.2):
                    return
        else:
            self._flood(announced=fault == "huge", headers=headers)

    def _flood(self, *, announced: bool, headers: dict[str, str]) -> None:
        """200 MB of blanks, with its length stated or not."""
        self._head(200, {**headers, "Content-Length": "200000000"} if announced else headers)
        try:
            for _ in range(200):
                self.wfile.write(b" " * 1_000_000)
        except OSError:
            return

    def _refuse(self, status: int, code: str, message: str, extra: dict[str, str] | None = None) -> None:
        headers = {"X-Error-Message": message, "Content-Type": "application/json", **(extra or {})}
        if code:
            headers["X-Error-Code"] = code
        self._send(status, json.dumps({"error": message}).encode(), headers)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._head(status, {**headers, "Content-Length": str(len(body))})
        if self.command != "HEAD":
            try:
                self.wfile.write(body)
                self.hub.sent += len(body)
            except OSError:
                return


def _header(data: bytes) -> bytes:
    """The JSON of a safetensors file's header."""
    return data[8 : 8 + int.from_bytes(data[:8], "little")]


def _facts(name: str, repo: Repo, *, blobs: bool) -> dict[str, object]:
    files: list[dict[str, object]] = [{"rfilename": file} for file in sorted(repo.files)]
    if blobs and repo.sizes:
        for entry in files:
            data = repo.files[str(entry["rfilename"])]
            size = repo.grown.get(str(entry["rfilename"]), len(data))
            entry |= {"size": size, "blobId": etag(data)}
    facts: dict[str, object] = {
        "_id": "0" * 24, "id": name, "modelId": name, "author": name.partition("/")[0], "sha": repo.commit,
        "lastModified": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(0)), "private": repo.private,
        "gated": repo.gated, "disabled": False, "downloads": 0, "likes": 0, "tags": ["transformers"],
        "library_name": "transformers", "pipeline_tag": "text-generation", "siblings": files, "spaces": [],
        "createdAt": "2022-03-02T23:29:04.000Z",
    }  # fmt: skip
    if repo.safetensors:
        facts["safetensors"] = repo.safetensors
    return facts | repo.info
