"""Repositories and folders of PyTorch's own files: bytes by their list, never by opening a pickle."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

import cardscope
from tests import weights as w
from tests.hub.hubserver import HubServer, Repo

CONFIG = json.dumps(w.LLAMA).encode()


def archive(*sizes):
    """A zip as torch.save lays it out; its pickle would fail whoever opened it."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as out:
        out.writestr("m/data.pkl", b"cos\nsystem\n(S'false'\ntR.")
        for number, size in enumerate(sizes):
            out.writestr(f"m/data/{number}", bytes(size))
    return held.getvalue()


ONE = archive(1000, 24)
INDEX = json.dumps({"metadata": {"total_size": 4096}, "weight_map": {"a": "pytorch_model-00001-of-00002.bin"}}).encode()
SHARDS = {f"pytorch_model-0000{n}-of-00002.bin": ONE for n in (1, 2)}
CASES = {
    "one": ({"pytorch_model.bin": ONE, "optimizer.pt": ONE, "training_args.bin": ONE}, 1024, "zip directories"),
    "shards": ({**SHARDS, "pytorch_model.bin.index.json": INDEX}, 4096, "total_size"),
    "unindexed": (SHARDS, 2048, "zip directories"),
    "old": ({"pytorch_model.bin": b"\x80\x02" + bytes(500)}, 502, "sizes of the files"),
}


@pytest.fixture(scope="module")
def server():
    with HubServer(
        {f"org/{name}": Repo({"config.json": CONFIG, **files}) for name, (files, *_) in CASES.items()}
    ) as hub:
        yield hub


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("name", CASES)
def test_a_repository_of_pytorch_files_tells_its_bytes(name):
    """The index's word, else the zip directories at the files' ends, else the sizes in the list."""
    report = cardscope.inspect(f"org/{name}", exact=False)
    stored = report.parameters.checkpoint
    _, size, how = CASES[name]
    assert (stored.source, stored.stored_bytes, stored.total, stored.stored_numbers) == ("file-list", size, None, None)
    assert how in stored.reason
    assert report.headline.witness == "analytic"


def test_only_the_end_of_a_file_is_read(hub):
    """One request of the last bytes, where the directory stands."""
    cardscope.inspect("org/unindexed", exact=False)
    asked = [r.headers["range"] for r in hub.requests if r.path.endswith(".bin")]
    assert asked == [f"bytes={max(0, len(ONE) - 1122)}-{len(ONE) - 1}"] * 2


@pytest.mark.parametrize("name", CASES)
def test_a_folder_of_pytorch_files_tells_the_same(tmp_path, name):
    files, size, how = CASES[name]
    for file, data in {"config.json": CONFIG, **files}.items():
        (tmp_path / file).write_bytes(data)
    stored = cardscope.inspect(str(tmp_path), exact=False).parameters.checkpoint
    assert (stored.source, stored.stored_bytes, stored.total) == ("file-list", size, None)
    assert how in stored.reason
