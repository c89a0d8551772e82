"""PyTorch files by their zip directory: storages and bytes without unpickling, and every lie a directory can tell."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from cardscope.checkpoint import pickle_zip
from cardscope.errors import NotAConfig, SourceError, TooLarge

PARTS = {"data.pkl": b"\x80\x02}q\x00.", "byteorder": b"little", "data/0": bytes(400), "data/1": bytes(14)}


def made(parts=PARTS, compression=zipfile.ZIP_STORED, comment=b""):
    """A zip laid out as torch.save lays it out."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(f"model/{name}", data)
        archive.comment = comment
    return held.getvalue()


def read(data, size=None):
    return pickle_zip.read(lambda start, stop: data[start:stop], size or len(data), "model.bin")


def entry(name, size, offset, wide=()):
    """One directory entry by hand; `wide` are the 64-bit values of its extra field."""
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    fixed = struct.pack("<HHHHHHIIIHHHHHII", 0, 0, 0, 0, 0, 0, 0, size, size, len(name), len(extra), 0, 0, 0, 0, offset)
    return b"PK\x01\x02" + fixed + name.encode() + extra


def ended(directory, count, start):
    """The directory with the 64-bit end records that torch always writes."""
    end64 = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 0, 0, 0, 0, count, count, len(directory), start)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, start + len(directory), 1)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return directory + end64 + locator + end


def far(directory, count, start):
    """(fetch, size) of a file whose directory stands at `start`, far beyond what a test would write."""
    tail = ended(directory, count, start)

    def fetch(first, stop):
        assert first >= start - 4096
        return (bytes(4096) + tail)[first - start + 4096 : stop - start + 4096]

    return fetch, start + len(tail)


def test_storages_are_listed_with_their_bytes():
    """Two storages of 400 and 14 bytes; the pickle's own bytes are no tensor's."""
    found = read(made())
    assert [tuple(each) for each in found.storages] == [("0", 400), ("1", 14)]
    assert (found.size, found.pickle_size) == (414, len(PARTS["data.pkl"]))


def test_a_storage_beyond_32_bits_is_read_from_the_extra_field():
    """A file of 30 GB: the second storage's size and offset need 64 bits."""
    directory = entry("m/data.pkl", 10, 0) + entry("m/data/0", 7, 100)
    directory += entry("m/data/1", 0xFFFFFFFF, 0xFFFFFFFF, (20_000_000_000, 20_000_000_000, 5_000_000_000))
    fetch, size = far(directory, 3, 30_000_000_000)
    found = pickle_zip.read(fetch, size, "big.bin")
    assert found.storages[1] == ("1", 20_000_000_000)


def test_a_long_directory_takes_one_more_read():
    """With 100 storages the directory begins before the first read, and nothing of the data is fetched."""
    data = made({"data.pkl": b".", **{f"data/{n}": bytes(1000) for n in range(100)}})
    asked = []

    def fetch(start, stop):
        asked.append(stop - start)
        return data[start:stop]

    assert len(pickle_zip.read(fetch, len(data), "m.bin").storages) == 100
    assert len(asked) == 2
    assert sum(asked) < 10_000


@pytest.mark.parametrize("data", [b"", b"PK", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." * 9, b"x" * 5000])
def test_what_is_no_zip_is_said_to_be_none(data):
    """Files of PyTorch before 1.6 are pickles from their first byte, and stay closed."""
    with pytest.raises(NotAConfig, match="no zip"):
        read(data)


def test_a_zip_of_something_else_is_no_weights_file():
    with pytest.raises(NotAConfig, match="is a zip, and none"):
        read(made({"readme": b"hello"}))


def test_a_compressed_entry_is_refused():
    """A storage that unpacks to more than it takes is a bomb: torch compresses nothing."""
    with pytest.raises(NotAConfig, match="compressed"):
        read(made({"data.pkl": b".", "data/0": bytes(100_000)}, zipfile.ZIP_DEFLATED))


def test_an_entry_that_stands_twice_is_refused():
    directory = entry("m/data.pkl", 1, 0) + 2 * entry("m/data/0", 1, 50)
    fetch, size = far(directory, 3, 10_000)
    with pytest.raises(NotAConfig, match="twice"):
        pickle_zip.read(fetch, size, "m.bin")


@pytest.mark.parametrize("second", [(50, 100), (9_990, 100)])
def test_entries_that_overlap_or_leave_the_file_are_refused(second):
    """The pickle takes bytes 0 to 80; the storage begins inside it, or ends behind the directory's start."""
    offset, length = second
    fetch, size = far(entry("m/data.pkl", 80, 0) + entry("m/data/0", length, offset), 2, 10_000)
    with pytest.raises(NotAConfig, match="outside its place"):
        pickle_zip.read(fetch, size, "m.bin")


@pytest.mark.parametrize("count", [1_000_001, 1 << 60])
def test_a_directory_of_too_many_entries_is_refused_unread(count):
    fetch, size = far(entry("m/data.pkl", 80, 0), count, 10_000)
    with pytest.raises(TooLarge, match="entries"):
        pickle_zip.read(fetch, size, "m.bin")


def test_a_directory_that_ends_early_is_refused():
    fetch, size = far(entry("m/data.pkl", 80, 0), 7, 10_000)
    with pytest.raises(NotAConfig, match="ends inside its directory"):
        pickle_zip.read(fetch, size, "m.bin")


def test_every_truncation_of_a_file_is_an_error_of_ours():
    """Cut anywhere, a file gives a NotAConfig, never another exception and never a count."""
    data = made()
    for length in range(len(data)):
        with pytest.raises(NotAConfig):
            read(data[:length])


def test_a_local_file_is_read_and_a_folder_is_not(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(made())
    assert pickle_zip.local(path).size == 414
    with pytest.raises((NotAConfig, SourceError)):
        pickle_zip.local(tmp_path)
