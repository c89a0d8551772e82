"""How the files of a cluster's audit are called."""

from __future__ import annotations

import re
from typing import Final

PART: Final = re.compile(r"part-\d{6}-[0-9a-f]{16}\.parquet")
"""The batch's number, then a digest of its models and of what is asked of them."""
