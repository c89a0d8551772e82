"""One isolated child process: started, asked one line at a time, and ended with everything it started."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic

from cardscope.exact.answer import TOO_LONG

ANSWER_LIMIT = 64 << 20
"""Bytes of one answer; only a detailed one of a large mixture of experts comes near a thousandth of it."""

_CHILD = Path(__file__).with_name("child.py")

_KEPT = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
)
"""All the child keeps of the environment: what loads shared libraries, no token, no proxy, no PYTHON variable."""


class Silence(Exception):
    """The child gave no answer; the text says why."""


class Child:
    """A running child. Its imports begin at once, while the parent does other work."""

    def __init__(self, memory_bytes: int, site: tuple[str, ...] = (), *, trim: bool = True) -> None:
        """Start it; raises OSError where no process can be started. Without `trim` it imports all there is."""
        home = tempfile.mkdtemp(prefix="cardscope-")
        options = json.dumps({"memory_bytes": memory_bytes, "site": site, "trim": trim})
        try:
            self._process = subprocess.Popen(
                [sys.executable, *_flags(), str(_CHILD), options],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                cwd=home, env=environment(home), start_new_session=True,
            )  # fmt: skip
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        self._answers: SimpleQueue[bytes] = SimpleQueue()
        self.close = weakref.finalize(self, _end, self._process, home)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self.close.alive and self._process.poll() is None

    def ask(self, line: str) -> None:
        """Send one request. A thread writes it and waits for the answer: the child may be slow to read either."""
        threading.Thread(target=_exchange, args=(self._process, line, self._answers), daemon=True).start()

    def answer(self, deadline: float) -> object:
        """The answer to the last request, decoded, by `deadline` (as `time.monotonic` counts).

        Raises:
            Silence: none came in time, or the child died. It is ended then.
        """
        try:
            line = self._answers.get(timeout=max(0.0, deadline - monotonic()))
        except Empty:
            self.close()
            raise Silence(TOO_LONG) from None
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            reason = _death(self._process)
            self.close()
            raise Silence(reason) from None


def environment(home: str) -> dict[str, str]:
    """The child's environment: offline, without tokens, with every folder it may write to inside `home`."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    folders = dict.fromkeys(
        ("HOME", "USERPROFILE", "TMPDIR", "TMP", "TEMP", "HF_HOME", "TORCHINDUCTOR_CACHE_DIR"), home
    )
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return kept | folders | one_thread | {
        "USER": "cardscope", "LOGNAME": "cardscope", "CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_TOKEN_PATH": os.devnull, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1", "USE_HUB_KERNELS": "0",
        "TRANSFORMERS_VERBOSITY": "critical",
    }  # fmt: skip


def _flags() -> list[str]:
    """Isolated: neither the current folder, nor PYTHONPATH, nor the user's package folder can shadow a module."""
    flags = ["-I", "-W", "ignore"]
    if sys.pycache_prefix:
        flags += ["-X", f"pycache_prefix={sys.pycache_prefix}"]
    return [*flags, "-B"] if sys.dont_write_bytecode else flags


def _exchange(process: subprocess.Popen[bytes], line: str, answers: SimpleQueue[bytes]) -> None:
    """Write a request and read its answer; an empty one where the child is gone."""
    try:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
        answers.put(process.stdout.readline(ANSWER_LIMIT))
    except (OSError, ValueError):
        answers.put(b"")


def _death(process: subprocess.Popen[bytes]) -> str:
    """Why a child that answered nothing is gone."""
    try:
        code = process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return "its answer cannot be read"
    if code >= 0:
        return f"the build ended without an answer (exit code {code})"
    if -code in (getattr(signal, "SIGALRM", None), getattr(signal, "SIGXCPU", None)):
        return TOO_LONG
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"the build crashed or was killed ({name})"


def _end(process: subprocess.Popen[bytes], home: str) -> None:
    """Kill the child and all it started, and remove its folder."""
    if process.poll() is None:  # one that was waited for has no group any more, and its number may be another's
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue
    shutil.rmtree(home, ignore_errors=True)
