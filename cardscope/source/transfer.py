"""GETs through huggingface_hub's session, one or many at once, bounded in time and in bytes.

A request runs in a daemon thread, because a name that does not resolve and an address that swallows packets
are waited for inside the system, where no client timeout reaches. The caller stops waiting at its deadline.
Nothing is retried: huggingface_hub's own download helper keeps trying for 23 s.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from cardscope.errors import NetworkError, UsageError
from cardscope.source import strictjson

T = TypeVar("T")
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Patience(NamedTuple):
    """Seconds until the first byte of an answer, and until the last.

    With `turn`, a caller that makes many requests waits for its turn in it before each, and each is made in the
    caller's own thread with the whole patience: one that hangs inside the system then holds that thread alone.
    """

    first: float = 2.5
    total: float = 10.0
    turn: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers with lower-case names, and the body of a 200 (otherwise unread)."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(slots=True)
class _Box:
    """What the thread leaves for its caller."""

    started: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    abandoned: bool = False
    size: int = 0
    deadline: float = float("inf")
    answer: Answer | None = None
    error: BaseException | None = None


class Part(NamedTuple):
    """Some bytes of a file that are wanted, from `start` to before `stop`; `what` names them in errors."""

    url: str
    start: int
    stop: int
    what: str


class _TooSlowError(Exception):
    """The body was still coming when its time was up."""


class _OverCapError(Exception):
    """The body is larger than its cap; holds the size announced, None when it was only found out."""


def get(
    session: Any,
    url: str,
    headers: Mapping[str, str],
    *,
    cap: int,
    what: str,
    patience: Patience,
    begun: float,
    part: tuple[int, int] | None = None,
    ask: Mapping[str, str] = _NOTHING,
) -> Answer:
    """Fetch `url`; `what` names it in errors, and `begun` is when (time.monotonic) the conversation began.

    Both waits of `patience` count from `begun`, because the seconds that imports took are the user's as well;
    a later request of a conversation has at least half of `patience.first`. With `part`, only the bytes from its
    first to before its second are asked for, and no more is read of a server that sends all. `ask` are headers of
    this request alone. Raises when no answer comes, comes too slowly, or is cut off; TooLarge past `cap` bytes.
    """
    box = _Box()
    wanted = {"Accept-Encoding": "gzip"} if part is None else _range(*part)
    if patience.turn is not None:
        patience.turn()
        begun = time.monotonic()
        box.deadline = begun + patience.total
        _work(session, url, {**headers, **wanted, **ask}, cap, patience.first, box, part)
        return _wait_for_all(box, _host(url), what, cap, patience, begun)
    arguments = (session, url, {**headers, **wanted, **ask}, cap, patience.total, box, part)
    spent = time.monotonic() - begun
    threading.Thread(target=_work, args=arguments, daemon=True).start()
    _wait_for_first(box, _host(url), patience, spent)
    return _wait_for_all(box, _host(url), what, cap, patience, begun)


def many(
    session: Any, parts: Sequence[Part], headers: Mapping[str, str], *, patience: Patience, begun: float, lanes: int
) -> list[Answer]:
    """The parts of many files, at most `lanes` requests under way together; answers in the order of `parts`.

    A thread serves request after request, which keeps its connection warm. Raises as `get` does, for the first
    that fails, and asks for nothing more then.
    """
    boxes = [_Box() for _ in parts]
    left = deque(zip(parts, boxes, strict=True))

    def serve() -> None:
        while left:
            try:
                part, box = left.popleft()
            except IndexError:  # another lane took the last one
                return
            wanted = {**headers, **_range(part.start, part.stop)}
            length = part.stop - part.start
            _work(session, part.url, wanted, length, patience.total, box, (part.start, part.stop))
            if box.answer is None or box.answer.status not in {200, 206}:
                _give_up(left, box)

    for _ in range(min(lanes, len(parts))):
        threading.Thread(target=serve, daemon=True).start()
    try:
        if parts:
            _wait_for_first(boxes[0], _host(parts[0].url), patience, time.monotonic() - begun)
        return [
            _wait_for_all(box, _host(part.url), part.what, part.stop - part.start, patience, begun)
            for part, box in zip(parts, boxes, strict=True)
        ]
    except BaseException:
        left.clear()
        for box in boxes:
            box.abandoned = True
        raise


def _give_up(left: deque[tuple[Part, _Box]], failed: _Box) -> None:
    """What one request met is the answer to all that were not made: a Hub that refuses is not asked 200 times."""
    while left:
        try:
            _, box = left.popleft()
        except IndexError:
            return
        box.answer, box.error = failed.answer, failed.error
        box.started.set()
        box.done.set()


def _wait_for_first(box: _Box, host: str, patience: Patience, spent: float) -> None:
    """Until an answer begins. Raises NetworkError where none does in time."""
    if not box.started.wait(max(patience.first - spent, patience.first / 2)):
        box.abandoned = True
        hint = "check the connection; HF_HUB_ETAG_TIMEOUT=10 waits longer"
        raise NetworkError(f"{host} did not answer within {patience.first:g} s", hint=hint)


def _wait_for_all(box: _Box, host: str, what: str, cap: int, patience: Patience, begun: float) -> Answer:
    """Until an answer is whole. Raises NetworkError or TooLarge, as `get` says."""
    slow = not box.done.wait(max(0.0, begun + patience.total - time.monotonic()))
    if slow or isinstance(box.error, _TooSlowError):
        box.abandoned = True
        raise NetworkError(
            f"{host} is too slow: {box.size:,} bytes of {what} in {patience.total:g} s", hint="try again later"
        )
    if box.answer is not None:
        return box.answer
    if isinstance(box.error, _OverCapError):
        strictjson.too_large(what, box.error.args[0], cap)
    raise _explain(box.error, host, what) from box.error


def later(work: Callable[[], T]) -> Callable[[], T]:
    """Start `work()` in a thread; what is returned waits for its value, or raises its error."""
    box: list[T] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            box.append(work())
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait() -> T:
        thread.join()
        if failed:
            raise failed[0]
        return box[0]

    return wait


def listens(address: str, seconds: float) -> bool:
    """Whether anything takes a connection at `host:port` in time; True for an address of another form."""
    import socket

    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal():
        return True
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
    except (OSError, OverflowError):
        return False
    return True


def within(seconds: float, work: Callable[[], T]) -> T:
    """The value of `work()`, run in a thread that is waited for so long; NetworkError when it is not done."""
    box: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            box.append(work())
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not box:
        raise NetworkError(f"no answer within {seconds:g} s", hint="check the connection")
    return box[0]


def _range(start: int, stop: int) -> dict[str, str]:
    return {"Accept-Encoding": "identity", "Range": f"bytes={start}-{stop - 1}"}


def _work(
    session: Any, url: str, headers: dict[str, str], cap: int, timeout: float, box: _Box,
    part: tuple[int, int] | None,
) -> None:  # fmt: skip
    try:
        with session.stream("GET", url, headers=headers, timeout=timeout) as response:
            named = {key.lower(): value for key, value in response.headers.items()}
            box.started.set()
            if part is not None:
                body = _part(response, named, part, box)
            else:
                body = b"".join(_chunks(response, named, cap, box)) if response.status_code == 200 else b""
            box.answer = Answer(response.status_code, named, body)
    except Exception as error:  # noqa: BLE001 - handed over to the caller, who explains it
        box.error = error
    finally:
        box.started.set()
        box.done.set()


def _part(response: Any, headers: Mapping[str, str], part: tuple[int, int], box: _Box) -> bytes:
    """The bytes asked for, of a 206 or of the start of a 200; fewer where the file ends before."""
    start, stop = part
    if response.status_code not in {200, 206} or headers.get("content-encoding", "identity") != "identity":
        return b""
    begins = headers.get("content-range", "").startswith(f"bytes {start}-")
    if response.status_code == 206:
        if not begins:
            raise EOFError
        stop, start = stop - start, 0
    body = b""
    for raw in response.iter_raw():
        body += raw
        box.size = len(body)
        if box.abandoned or len(body) >= stop:
            break
        _check_time(box)
    return body[start:stop]


def _chunks(response: Any, headers: Mapping[str, str], cap: int, box: _Box) -> Iterator[bytes]:
    """The decoded body; a compressed one is never unpacked past the cap."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > cap:
        raise _OverCapError(int(announced))
    inflate = None
    if headers.get("content-encoding", "identity") != "identity":
        import zlib

        inflate = zlib.decompressobj(31)
    for raw in response.iter_raw():
        if box.abandoned:
            return
        _check_time(box)
        chunk = raw if inflate is None else inflate.decompress(raw, cap + 1 - box.size)
        box.size += len(chunk)
        if box.size > cap:
            raise _OverCapError(None)
        yield chunk
    if inflate is not None and not inflate.eof:
        raise EOFError


def _check_time(box: _Box) -> None:
    if time.monotonic() > box.deadline:
        raise _TooSlowError


def _explain(error: BaseException | None, host: str, what: str) -> Exception:
    """One sentence for what went wrong. The exception's own text is never shown: it may hold a header."""
    import socket
    import ssl

    chain: list[BaseException] = []
    while error is not None and len(chain) < 10:
        chain.append(error)
        error = error.__cause__ or error.__context__
    names = " ".join(type(e).__name__ for e in chain)
    check = "check the connection"
    if any(isinstance(e, socket.gaierror) for e in chain):
        return NetworkError(f"the name {host} does not resolve", hint=check)
    if any(isinstance(e, ssl.SSLError) for e in chain):
        return NetworkError(
            f"{host} could not prove who it is (TLS)", hint="check the clock, the proxy and SSL_CERT_FILE"
        )
    if any(isinstance(e, ConnectionRefusedError) for e in chain):
        return NetworkError(f"{host} refused the connection", hint=check)
    if "LocalProtocolError" in names or "UnicodeEncodeError" in names:
        return UsageError(
            "the token cannot be sent: it holds a character no token has", hint="check HF_TOKEN or --token"
        )
    if "UnsupportedProtocol" in names or "InvalidURL" in names:
        return UsageError(f"{host} is not an address", hint="HF_ENDPOINT is written https://host")
    if "RemoteProtocolError" in names or "EOFError" in names or "ReadError" in names or "zlib" in names:
        return NetworkError(f"{host} cut its answer off: {what} is incomplete", hint="try again")
    kind = (
        "timed out"
        if "Timeout" in names
        else "a redirect that leads nowhere"
        if "Redirect" in names
        else "no connection"
    )
    return NetworkError(f"{host} could not be reached: {kind}", hint=check)


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] or url[:80]
