"""The driver: cuts the input into batches, keeps the cluster busy, and gives up no model with a batch that failed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from itertools import islice
from typing import Any, Final

from cardscope.auditing.cluster.shards import Folder
from cardscope.auditing.cluster.work import Plan, Work, audit, audit_batch, packed
from cardscope.auditing.exact_pool import pool
from cardscope.auditing.fetch import Gate
from cardscope.auditing.inputs import Item
from cardscope.auditing.progress import Progress
from cardscope.auditing.rows import Failure, Row
from cardscope.errors import UsageError
from cardscope.source.transfer import listens

AGAIN: Final = 2
"""Times a batch is done again after its worker or its machine was lost, before it is cut in two."""
REACHED: Final = 5.0
"""Seconds in which a cluster takes a connection."""
PASSING: Final = {"network", "rate_limited", "timeout", "internal"}
KEPT: Final = (
    "HF_",
    "HUGGING_FACE",
    "CARDSCOPE_",
    "SSL_",
    "REQUESTS_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
)
"""What environment variables of the driver the workers have too: where the Hub is and how it is reached."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the workers are, how many models one file has, and how many requests a second all may make."""

    address: str | None = None
    workers: int | None = None
    batch: int = 1000
    rate: float | None = None


def library() -> Any:
    """ray, or a UsageError that names the extra."""
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray
    except ImportError:
        raise UsageError("--engine ray needs Ray", hint="pip install 'cardscope[ray]', or leave --engine out") from None
    return ray


def perform(
    items: Iterable[Item], plan: Plan, cluster: Cluster, place: str, gate: Gate, *, resume: bool, retry: bool = False
) -> list[str]:
    """Audits into a folder of Parquet files; the names of those that hold the rows, in the input's order.

    Files that an earlier run finished are kept where `resume` says so; with `retry` those that hold an error which may
    pass are written anew. When the gate is stopped, the batches under way
    are the last. Raises UsageError where an extra is missing, the folder holds another audit, or no cluster answers.
    """
    ray = library()
    if plan.exact:
        pool(1).close()  # said now, and not by every worker, where the extra is missing
    folder = Folder(place)
    done = folder.done()
    if done and not (resume or retry):
        raise UsageError(f"{place} holds {len(done):,} shards already", hint="--resume goes on with them")
    _start(ray, cluster)
    try:
        limiter = ray.remote(num_cpus=0, max_restarts=-1)(_limiter()).remote(cluster.rate)
        driver = _Driver(ray, plan, place, limiter, folder)
        kept = {name for name in done if not (retry and _may_pass(folder, name))}
        names = driver.all(_batches(items, cluster.batch, plan), kept, gate)
    finally:
        ray.shutdown()
    if not gate.stopped:
        folder.remove(done - set(names))
    return names


def _may_pass(folder: Folder, name: str) -> bool:
    """Whether a file holds an error that another try may not meet."""
    return any(row["error"] and row["error"]["kind"] in PASSING for row in folder.rows(name))


def _limiter() -> Any:
    from cardscope.auditing.cluster.limit import Limiter

    return Limiter


def _start(ray: Any, cluster: Cluster) -> None:
    # Ray itself tries for minutes, and says nothing that helps.
    if cluster.address and not listens(cluster.address, REACHED):
        raise UsageError(
            f"nothing answers at {cluster.address}", hint="--ray-address is the head's host:port, usually 6379"
        )
    kept = {name: value for name, value in os.environ.items() if name.upper().startswith(KEPT)}
    local = {} if cluster.address else {"num_cpus": cluster.workers, "include_dashboard": False}
    try:
        ray.init(cluster.address, log_to_driver=False, configure_logging=False, ignore_reinit_error=True,
                 runtime_env={"env_vars": kept}, **local)  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = cluster.address or "this machine"
        hint = "check --ray-address"
        raise UsageError(f"no Ray at {where}: {str(error).splitlines()[0][:200]}", hint=hint) from None


def _batches(items: Iterable[Item], size: int, plan: Plan) -> Iterator[tuple[str, list[Work]]]:
    """(name of its file, models) of each batch; the name changes with the models and with what is asked of them."""
    asked = json.dumps(asdict(replace(plan, token=None, jobs=1, tries=1)), default=str).encode()
    source, number = iter(items), 0
    while batch := [packed(item) for item in islice(source, size)]:
        digest = blake2b(asked, digest_size=8)
        for work in batch:
            digest.update(work.id.encode("utf-8", "backslashreplace") + b"\n")
        yield f"part-{number:06}-{digest.hexdigest()}.parquet", batch
        number += 1


class _Driver:
    """Hands out batches and takes them back when a worker was lost."""

    def __init__(self, ray: Any, plan: Plan, place: str, limiter: Any, folder: Folder) -> None:
        self._ray, self._plan, self._place, self._limiter, self._folder = ray, plan, place, limiter, folder
        self._task = ray.remote(num_cpus=1, max_retries=AGAIN)(audit_batch)
        self._once = ray.remote(num_cpus=1, max_retries=0)(audit)
        self._flying: dict[Any, tuple[str, list[Work]]] = {}

    def all(self, batches: Iterable[tuple[str, list[Work]]], done: set[str], gate: Gate) -> list[str]:
        """Every batch once; names of the files, whether they were there before or not."""
        room = max(2, 2 * int(self._ray.cluster_resources().get("CPU", 1)))
        names: list[str] = []
        with Progress(sys.stderr, None, quiet=False) as progress:
            for name, batch in batches:
                if gate.stopped:
                    break
                names.append(name)
                if name in done:
                    continue
                task = self._task.remote(batch, self._plan, self._limiter, self._place, name)
                self._flying[task] = (name, batch)
                while len(self._flying) >= room:
                    self._land(progress)
            while self._flying:
                self._land(progress)
        return names

    def _land(self, progress: Progress) -> None:
        """Wait for one batch. Where its workers were lost time and again, find the model that does it."""
        (task,), _ = self._ray.wait(list(self._flying), num_returns=1)
        name, batch = self._flying.pop(task)
        try:
            self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            if _ours(error):
                raise
            self._folder.write(name, self._halves(batch))
        for _ in batch:
            progress.step(error=False)

    def _halves(self, batch: Sequence[Work]) -> list[dict[str, Any]]:
        """The rows of a batch that lost its workers: each half by itself, down to the model that is to blame."""
        if len(batch) == 1:
            lost = Failure("internal", "the worker was lost each time this model was audited")
            return [Row(batch[0].id, "error", lost).to_dict()]
        rows: list[dict[str, Any]] = []
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            try:
                rows += self._ray.get(self._once.remote(half, self._plan, self._limiter))
            except self._ray.exceptions.RayError as error:
                if _ours(error):
                    raise
                rows += self._halves(half)
        return rows


def _ours(error: Any) -> bool:
    """Whether a task raised an exception, which a second try would raise again: a full disk, a missing package."""
    return getattr(error, "cause", None) is not None and type(error).__name__ != "WorkerCrashedError"
