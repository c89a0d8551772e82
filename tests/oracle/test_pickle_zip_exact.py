"""The zip directory against what torch.save writes."""

from __future__ import annotations

import pytest

from cardscope.checkpoint import pickle_zip
from cardscope.errors import NotAConfig

pytestmark = pytest.mark.exact


def test_a_file_of_torch_save_gives_every_storage_s_bytes(tmp_path):
    """Tensors that share memory are stored once; 8- and 16-bit ones by their own width."""
    torch = pytest.importorskip("torch")
    table = torch.zeros(50, 8, dtype=torch.bfloat16)
    state = {"embed": table, "head": table, "norm": torch.ones(8), "packed": torch.zeros(3, 5, dtype=torch.uint8)}
    torch.save(state, tmp_path / "pytorch_model.bin")
    found = pickle_zip.local(tmp_path / "pytorch_model.bin")
    assert sorted(storage.size for storage in found.storages) == [15, 32, 800]


def test_the_old_format_is_named(tmp_path):
    """Before PyTorch 1.6 a file was a pickle from its first byte."""
    torch = pytest.importorskip("torch")
    path = tmp_path / "old.bin"
    torch.save({"w": torch.zeros(4)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(NotAConfig, match="no zip"):
        pickle_zip.local(path)
