"""Where a config comes from: one word in, one RawConfig out.

`words` reads the word, `resolve` walks the sources in order, and each source is one module:
`local` (files, folders, standard input), `formula` (nanochat:d20), `hub`, `cache` and `catalog`.
Only `hub` imports an HTTP client.
"""

from __future__ import annotations

from cardscope.source.resolve import begin, resolve
from cardscope.source.words import Word, parse

__all__ = ["Word", "begin", "parse", "resolve"]
