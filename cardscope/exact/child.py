"""The process that builds models: limited, offline, without a terminal, gone when its parent is.

It is run by path in an isolated interpreter (`python -I child.py OPTIONS`), never imported, and uses nothing of
cardscope but the two files beside it: `build.py`, which counts, and `trim.py`, which spares it imports.
These three are all that imports torch, transformers or accelerate.

It reads one JSON request a line from the pipe its parent gives as standard input, and answers each with one JSON line
on what was standard output; both are then moved out of reach, so that nothing can prompt, print or listen.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
import threading
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_LIMIT = 16 << 20
"""Bytes a request may have; the parent refuses longer ones before they are sent."""


def main() -> NoReturn:
    """Serve requests until the parent closes its end."""
    options = json.loads(sys.argv[1])
    requests, answers = _private_pipes()
    _limit(options["memory_bytes"])
    _leave_with_parent(requests)
    sys.path.extend(options["site"])
    build = _sibling("build")
    broken = _import_tools(build, trim=options["trim"])
    for line in _lines(requests):
        request = json.loads(line)
        _limit_time(request["timeout"])
        answer = broken or build.answer(request)
        if options["trim"] and answer.pop("retry", False):
            _start_again(options, requests, answers, line)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
        _limit_time(None)
        gc.collect()
        gc.freeze()
    _leave()


def _lines(requests: BinaryIO) -> Iterator[bytes]:
    """The request a former life of this process left over, then those of the parent."""
    left_over = Path(os.environ["HOME"], "request")
    if left_over.exists():
        line = left_over.read_bytes()
        left_over.unlink()
        yield line
    yield from iter(lambda: requests.readline(LINE_LIMIT), b"")


def _leave() -> NoReturn:
    """Skip the interpreter's own shutdown, which takes longer than a count."""
    shutil.rmtree(os.environ["HOME"], ignore_errors=True)
    os._exit(0)


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Move the two pipes to private descriptors and leave the null device on 0, 1 and 2."""
    requests, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _limit(memory_bytes: int) -> None:
    """Cap memory, file size and core dumps.

    Memory is capped as private writable pages (RLIMIT_DATA): the address space also holds gigabytes of mapped CUDA
    libraries that cost nothing, so RLIMIT_AS is only a second line well above.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limits; the parent's timeout remains
        return
    wanted = {
        "RLIMIT_DATA": memory_bytes,
        "RLIMIT_AS": memory_bytes + (32 << 30),
        "RLIMIT_FSIZE": 64 << 20,
        "RLIMIT_CORE": 0,
    }
    for name, value in wanted.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):  # macOS refuses some of them
            continue


def _limit_time(seconds: float | None) -> None:
    """Let the kernel end this process some seconds after the parent would have; None lifts the limit."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0 if seconds is None else seconds + 5)


def _leave_with_parent(requests: BinaryIO) -> None:
    """End when the parent's end of the pipe closes, even in the middle of a count.

    A pipe is used and not PR_SET_PDEATHSIG, which fires when the *thread* that started the child ends.
    """
    import select

    if not hasattr(select, "poll"):
        return

    def wait() -> None:
        hangup = select.poll()
        hangup.register(requests.fileno(), 0)
        hangup.poll()
        _leave()

    threading.Thread(target=wait, daemon=True).start()


def _import_tools(build: Any, *, trim: bool) -> dict[str, Any] | None:
    """Import everything a count needs while the config is on its way; the answer to every request if that fails."""
    try:
        if trim:
            _sibling("trim").trim()
        for name in ("torch", "accelerate", "transformers.modeling_utils", "transformers.models.auto.modeling_auto"):
            import_module(name)
    except BaseException as error:  # noqa: BLE001 - a broken installation can raise anything
        answer: dict[str, Any] = build.explain(error, "the exact extra cannot be imported")
        return answer if "exhausted" in answer else answer | {"status": "unavailable"}
    gc.freeze()
    return None


def _sibling(name: str) -> Any:
    """A module of the folder this file is in, loaded by path: the folder itself must shadow nothing."""
    spec = spec_from_file_location(f"cardscope_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None  # noqa: S101 - a path that ends in .py always has a loader
    assert spec.loader is not None  # noqa: S101
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _start_again(options: dict[str, Any], requests: BinaryIO, answers: BinaryIO, line: bytes) -> NoReturn:
    """Become a fresh interpreter that imports all there is, so that trimming is never why a count fails."""
    Path(os.environ["HOME"], "request").write_bytes(line)
    os.dup2(requests.fileno(), 0)
    os.dup2(answers.fileno(), 1)
    os.execv(sys.executable, [*sys.orig_argv[:-1], json.dumps(options | {"trim": False})])  # noqa: S606 - the same again


if __name__ == "__main__":
    gc.disable()
    main()
