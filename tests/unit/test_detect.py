"""`--gpu auto`: what this machine has, by the libraries and files that say so."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from cardscope.errors import UsageError
from cardscope.fitting import detect
from cardscope.fitting.hardware import devices

GIB = 1 << 30


def _nvml(*cards: tuple[str, int, int]) -> SimpleNamespace:
    """NVML as its Python binding shows it: (name, total, free)."""
    return SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: len(cards),
        nvmlDeviceGetHandleByIndex=lambda index: cards[index],
        nvmlDeviceGetName=lambda card: card[0],
        nvmlDeviceGetMemoryInfo=lambda card: SimpleNamespace(total=card[1], free=card[2]),
    )


def test_what_is_free_now_is_what_may_be_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", _nvml(("NVIDIA GeForce RTX 4090", 24 * GIB, 20 * GIB)))
    found = devices("auto").smallest
    assert (found.memory, found.usable, found.bandwidth) == (24 * GIB, 20 * GIB, devices("4090").smallest.bandwidth)


def test_several_of_a_kind_are_counted(monkeypatch):
    card = ("NVIDIA H100 80GB HBM3", 80 * GIB, 79 * GIB)
    monkeypatch.setitem(sys.modules, "pynvml", _nvml(card, card))
    assert devices("auto").name.startswith("2x")


def test_a_card_the_table_does_not_know_still_counts(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", _nvml(("NVIDIA Nonesuch 9000", 10 * GIB, 9 * GIB)))
    found = devices("auto").smallest
    assert (found.usable, found.bandwidth) == (9 * GIB, None)


def test_a_driver_without_the_binding_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(detect, "DRIVER", tmp_path)
    with pytest.raises(UsageError) as caught:
        devices("auto")
    assert "cardscope[gpu]" in (caught.value.hint or "")


def test_amd_cards_are_read_from_the_driver_s_files(monkeypatch, tmp_path):
    device = tmp_path / "card0" / "device"
    device.mkdir(parents=True)
    (device / "mem_info_vram_total").write_text(str(16 * GIB))
    (device / "mem_info_vram_used").write_text(str(GIB))
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(detect, "DRIVER", tmp_path / "none")
    monkeypatch.setattr(detect, "DRM", tmp_path)
    assert devices("auto").smallest.usable == 15 * GIB


def test_without_a_gpu_the_memory_of_the_cpu_is_what_there_is(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(detect, "DRIVER", tmp_path / "none")
    monkeypatch.setattr(detect, "DRM", tmp_path)
    found = devices("auto").smallest
    assert found.is_host
    assert 0 < found.usable <= found.memory
