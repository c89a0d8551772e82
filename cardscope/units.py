"""Number formats and data types: the only place that knows 1024 from 1000."""

from __future__ import annotations

BITS = {
    "float64": 64.0, "float32": 32.0, "float16": 16.0, "bfloat16": 16.0,
    "float8_e4m3fn": 8.0, "float8_e5m2": 8.0, "int64": 64.0, "int32": 32.0, "int16": 16.0, "int8": 8.0,
    "uint8": 8.0, "bool": 8.0,
}  # fmt: skip
"""Bits per element of a dtype, in torch's names."""

DTYPE_ALIASES = {
    "fp32": "float32", "f32": "float32", "float": "float32", "fp16": "float16", "f16": "float16",
    "half": "float16", "bf16": "bfloat16", "fp8": "float8_e4m3fn", "f8": "float8_e4m3fn",
    "f8_e4m3": "float8_e4m3fn", "f8_e5m2": "float8_e5m2", "float8": "float8_e4m3fn", "f64": "float64",
    "i8": "int8", "u8": "uint8", "fp8_e4m3": "float8_e4m3fn", "fp8_e5m2": "float8_e5m2",
}  # fmt: skip

SHORT = {
    "float32": "fp32",
    "float16": "fp16",
    "bfloat16": "bf16",
    "float8_e4m3fn": "fp8",
    "float8_e5m2": "fp8",
}

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def dtype_name(name: str) -> str | None:
    """Torch's name of a dtype however it is spelled (`torch.bfloat16`, `BF16`), or None if unknown."""
    plain = name.strip().lower().removeprefix("torch.")
    plain = DTYPE_ALIASES.get(plain, plain)
    return plain if plain in BITS else None


def short_dtype(name: str) -> str:
    """The field's short word for a dtype: bf16, fp32."""
    return SHORT.get(name, name)


def dtype_bytes(name: str) -> float:
    """Bytes per element; raises KeyError for a name that `dtype_name` did not give."""
    return BITS[name] / 8


def format_bytes(count: float, digits: int = 2) -> str:
    """Binary units, as `14.96 GiB`; whole numbers lose their zeros (`128 KiB`)."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_BINARY) - 1:
        value, unit = value / 1024, unit + 1
    if unit == 0 or value == int(value):
        return f"{int(value):,} {_BINARY[unit]}"
    return f"{value:,.{digits}f} {_BINARY[unit]}"


def format_count(count: float) -> str:
    """Decimal short form as people say it: `8.03 B`, `124.44 M`, `671.03 B`, `1.04 T`."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if count >= size:
            return f"{count / size:.2f} {letter}"
    return f"{count:,.0f}"


def format_tokens(count: int) -> str:
    """Token counts in full, with separators: `131,072`."""
    return f"{count:,}"
