"""Parquet in and out, through pyarrow, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cardscope.auditing.rows import COLUMNS
from cardscope.errors import UsageError

BATCH: Final = 1000
"""Rows held at once."""
TEXTS: Final = {
    "id", "status", "revision", "model_type", "architecture", "witness", "confidence", "dtype", "quantization",
    "attention", "license",
}  # fmt: skip


def arrow() -> Any:
    """pyarrow, or a UsageError that names the extra."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise UsageError("Parquet needs pyarrow", hint="pip install 'cardscope[parquet]', or use .jsonl") from None
    return pa


def read(path: str) -> Iterator[Mapping[str, Any]]:
    """The file's rows as dicts, without the nulls that Parquet puts where a row has no such key."""
    arrow()
    with Path(path).open("rb") as stream:
        yield from (_without_nulls(row) for row in read_open(stream, path))


def read_open(stream: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """The rows of an open file, nulls included. Raises UsageError for what is no Parquet."""
    pyarrow = arrow()
    try:
        file = pyarrow.parquet.ParquetFile(stream)
        for batch in file.iter_batches(BATCH):
            yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise UsageError(f"{name} cannot be read as Parquet: {error}", hint="check the file") from None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


def write(rows: Iterator[Mapping[str, Any]], path: str) -> None:
    """Writes rows as they are in JSON: figures as 64-bit integers, `error` a struct, `findings` a list of structs."""
    pyarrow = arrow()
    with pyarrow.parquet.ParquetWriter(path, _schema(pyarrow), compression="zstd") as writer:
        held: list[dict[str, Any]] = []
        for row in rows:
            held.append(dict(row))
            if len(held) >= BATCH:
                writer.write_table(table(held))
                held = []
        writer.write_table(table(held))


def table(rows: Iterable[Mapping[str, Any]]) -> Any:
    """Rows as one table of pyarrow."""
    pyarrow = arrow()
    bounded = [{name: _bounded(value) for name, value in row.items()} for row in rows]
    return pyarrow.Table.from_pylist(bounded, schema=_schema(pyarrow))


def _bounded(value: Any) -> Any:
    """A figure beyond 64 bits, which only an absurd config has, is unknown to Parquet."""
    return None if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63 else value


def _schema(pyarrow: Any) -> Any:
    text = pyarrow.string()
    error = pyarrow.struct([("kind", text), ("message", text)])
    finding = pyarrow.struct([(name, text) for name in ("code", "severity", "message", "where")])
    special = {"error": error, "findings": pyarrow.list_(finding)}
    return pyarrow.schema(
        [(name, special.get(name) or (text if name in TEXTS else pyarrow.int64())) for name in COLUMNS]
    )
