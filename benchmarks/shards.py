"""A repository of 200 shards on a server that holds every answer back for 50 ms: how long its headers take.

The server is a process of its own.  Beside each way to read the shards stands the chain of requests it must make one
after the other, made bare by http.client on one warm connection; hf-mem reads the same revisions, run in turn with
`cardscope`, from a copy of it that has the server's address in place of its own.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from run import environment, peer_copy, timed

from tests.hub.hubserver import HubServer, Repo

SHARDS, LATENCY, NAME = 200, 0.05, "org/many"
INDEX = "model.safetensors.index.json"
SHARD = f"model-00001-of-{SHARDS:05}.safetensors"


class Way(NamedTuple):
    """One revision: what is special about it, and the paths that cannot be asked for together."""

    what: str
    word: str
    revision: str
    chain: tuple[str, ...]


WAYS = (
    Way(
        "`main`",
        NAME,
        "main",
        (f"/api/models/{NAME}?blobs=true", f"/api/models/{NAME}/safetensors-metadata/{INDEX}"),
    ),
    Way(
        "a branch with main's weights",
        f"{NAME}@dev",
        "dev",
        (
            f"/api/models/{NAME}/revision/dev?blobs=true",
            f"/api/models/{NAME}?blobs=true",
            f"/api/models/{NAME}/safetensors-metadata/{INDEX}",
        ),
    ),
    Way(
        "a branch with weights of its own",
        f"{NAME}@own",
        "own",
        (
            f"/api/models/{NAME}/revision/own?blobs=true",
            f"/{NAME}/resolve/own/{INDEX}",
            f"/{NAME}/resolve/own/{SHARD}",
        ),
    ),
)


class Timing(NamedTuple):
    """Median seconds of one way, of its chain, and the requests and bytes it took."""

    what: str
    seconds: float
    chain: float
    requests: int
    sent: int


class Command(NamedTuple):
    """Median seconds of two whole commands run in turn."""

    what: str
    ours: float
    theirs: float


def repository(dtype: str = "BF16") -> Repo:
    """A Llama of 200 layers in 200 shards; its files go on as zeros after their headers."""
    from tests import weights

    config = {**weights.LLAMA, "num_hidden_layers": SHARDS}
    tensors: weights.Tensors = {}
    first = weights.llama(dtype)
    loose = {name: tensor for name, tensor in first.items() if ".layers." not in name}
    for layer in range(SHARDS):
        tensors |= {n.replace(".0.", f".{layer}.", 1): t for n, t in first.items() if ".layers.0." in n}
    files, grown = weights.repository({**tensors, **loose}, SHARDS)
    return Repo({"config.json": json.dumps(config).encode(), **files}, grown=grown, branches=("main", "dev"))


def _serve(pipe: Connection) -> None:
    main = repository()
    own = repository("F32")
    with HubServer(
        {NAME: Repo(main.files, grown=main.grown, branches=(*main.branches, "own"), at={"own": own})}
    ) as hub:
        hub.latency = LATENCY
        pipe.send(hub.url)
        while pipe.recv() != "end":
            pipe.send((len(hub.requests), hub.sent))
            hub.requests.clear()
            hub.sent = 0


class Server(NamedTuple):
    """The running server: its address, and what it was asked since the last question."""

    url: str
    pipe: Connection

    def asked(self) -> tuple[int, int]:
        """Requests and bytes sent since this was last called."""
        self.pipe.send("asked")
        requests, sent = self.pipe.recv()
        return requests, sent


@contextmanager
def serving() -> Iterator[Server]:
    """The server in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(theirs,), daemon=True)
    child.start()
    try:
        yield Server(ours.recv(), ours)
    finally:
        ours.send("end")
        child.join(5)


def bare(url: str, chain: Sequence[str]) -> float:
    """Seconds of the requests of a chain one after the other, with nothing done to their answers."""
    connection = http.client.HTTPConnection(url.partition("://")[2])
    connection.connect()
    start = time.perf_counter()
    for path in chain:
        part = {"Range": "bytes=0-4999"} if path.endswith(SHARD) else {}
        connection.request("GET", path, headers=part)
        connection.getresponse().read()
    seconds = time.perf_counter() - start
    connection.close()
    return seconds


def timings(server: Server, runs: int, folder: Path) -> list[Timing]:
    """Every way in this process, in turn with its bare chain; the first of each is a warm-up."""
    from huggingface_hub import constants

    import cardscope

    os.environ["CARDSCOPE_CACHE"] = str(folder / "never")
    constants.ENDPOINT, constants.HF_HUB_CACHE = server.url, str(folder / "hub")
    found = []
    for way in WAYS:
        pairs = []
        counts = (0, 0)
        for _ in range(runs + 1):
            chain = bare(server.url, way.chain)
            server.asked()
            start = time.perf_counter()
            report = cardscope.inspect(way.word, exact=False, refresh=True)
            pairs.append((time.perf_counter() - start, chain))
            counts = server.asked()
            assert report.headline.witness == "stored", report.parameters.checkpoint.reason
        ours, chains = zip(*pairs[1:], strict=True)
        found.append(Timing(way.what, statistics.median(ours), statistics.median(chains), *counts))
    return found


def commands(server: Server, runs: int, folder: Path) -> list[Command]:
    """Whole commands, ours and hf-mem's in turn."""
    env = environment(HF_ENDPOINT=server.url, HF_HOME=str(folder / "home"), CARDSCOPE_CACHE=str(folder / "cache"))
    their_env = environment(PYTHONPATH=str(peer_copy(server.url, folder)))
    found = []
    for way in WAYS:
        us = [sys.executable, "-m", "cardscope", way.word, "--no-exact", "--refresh"]
        them = [sys.executable, "-c", "from hf_mem.cli import main; main()", "--model-id", NAME]
        them += ["--revision", way.revision]
        pairs = [(timed(us, env).seconds, timed(them, their_env).seconds) for _ in range(runs + 1)][1:]
        found.append(Command(way.what, statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)))
    return found


def text(found: Sequence[Timing], pairs: Sequence[Command]) -> Iterator[str]:
    """Both as Markdown."""
    yield f"## {SHARDS} shards at {1000 * LATENCY:.0f} ms"
    yield ""
    yield "The chain is what cannot be asked for together, made bare on one warm connection; both in turn."
    yield ""
    yield "| in one process | median | its chain | ratio | requests | bytes sent |"
    yield "|---|---:|---:|---:|---:|---:|"
    for t in found:
        yield (
            f"| {t.what} | {t.seconds:.3f} s | {t.chain:.3f} s | {t.seconds / t.chain:.2f} | {t.requests} "
            f"| {t.sent:,} |"
        )
    yield ""
    yield "| whole command | cardscope | hf-mem | ratio |"
    yield "|---|---:|---:|---:|"
    for c in pairs:
        yield f"| {c.what} | {c.ours:.3f} s | {c.theirs:.3f} s | {c.ours / c.theirs:.2f} |"
