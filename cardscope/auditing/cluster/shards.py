"""The folder of Parquet files that a cluster's audit is: which are done, and how one is written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cardscope.auditing.cluster.names import PART
from cardscope.auditing.parquet import arrow, read_open, table
from cardscope.errors import UsageError


class Folder:
    """A folder on a disk that all machines see, or in an object store: a path, or a URI as s3://bucket/audit.

    Raises UsageError where pyarrow is missing or the place cannot be reached.
    """

    def __init__(self, place: str) -> None:
        pyarrow = arrow()
        from pyarrow import fs

        self.place = place
        try:
            if "://" in place:
                self._system, self._path = fs.FileSystem.from_uri(place)
            else:
                self._system, self._path = fs.LocalFileSystem(), place
            self._system.create_dir(self._path, recursive=True)
        except (pyarrow.ArrowException, OSError) as error:
            raise UsageError(
                f"{place} cannot be written to: {error}", hint="-o names a folder for the shards"
            ) from None
        self._local = isinstance(self._system, fs.LocalFileSystem)
        self._chosen = fs.FileSelector(self._path)

    def done(self) -> set[str]:
        """Names of the files that are whole."""
        found = self._system.get_file_info(self._chosen)
        return {info.base_name for info in found if PART.fullmatch(info.base_name) and info.size}

    def write(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """One file: beside its place first, then renamed; an object store shows nothing before all is there."""
        from pyarrow import parquet

        target = f"{self._path}/{name}"
        beside = f"{self._path}/.{name}.part" if self._local else target
        parquet.write_table(table(rows), beside, filesystem=self._system, compression="zstd")
        if self._local:
            self._system.move(beside, target)

    def rows(self, name: str) -> Iterator[Mapping[str, Any]]:
        """The rows of one file."""
        with self._system.open_input_file(f"{self._path}/{name}") as stream:
            yield from read_open(stream, name)

    def remove(self, names: set[str]) -> None:
        """Take away files whose models are no longer asked for."""
        for name in names:
            self._system.delete_file(f"{self._path}/{name}")
