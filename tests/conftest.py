"""What every test runs under: no network beyond this machine, no tokens, no cache of the person running it."""

from __future__ import annotations

import os
import socket

import pytest

LOOPBACK = ("127.0.0.1", "::1", "localhost", "")


def pytest_addoption(parser):
    """`--update-golden` writes what the golden tests compare with."""
    parser.addoption("--update-golden", action="store_true", help="rewrite fixtures/golden from today's reports")


def pytest_configure():
    """Scrub the environment before anything imports huggingface_hub, which reads it once."""
    for name in [n for n in os.environ if n.startswith(("HF_", "HUGGING", "TRANSFORMERS_", "XDG_CACHE"))]:
        del os.environ[name]
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch):
    """Fail a test that connects to, or looks up, anything beyond this machine, in whichever thread."""
    connect, lookup, reached = socket.socket.connect, socket.getaddrinfo, []

    def check(host):
        name = host.decode() if isinstance(host, bytes) else host or ""
        if name not in LOOPBACK:
            reached.append(name)
            raise OSError(f"tests may not reach {name}")

    def guarded_connect(self, address):
        check(address[0] if isinstance(address, tuple) else "")
        return connect(self, address)

    def guarded_lookup(host, *rest, **named):
        check(host)
        return lookup(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)
    yield
    if reached:
        pytest.fail(f"a test tried to reach {', '.join(reached)}", pytrace=False)


@pytest.fixture
def hf_cache(tmp_path, monkeypatch):
    """An empty Hub cache, put where huggingface_hub would look."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"
