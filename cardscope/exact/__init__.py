"""The exact witness: transformers builds the model without weights, in a child process, and every tensor is counted.

Nothing here imports torch, transformers or accelerate; only `child.py` and the two files it loads do, and that is run,
never imported.
"""

from __future__ import annotations

from cardscope.exact.answer import ExactCount, TensorShape
from cardscope.exact.parent import Pending, Worker, count, start, warm

__all__ = ["ExactCount", "Pending", "TensorShape", "Worker", "count", "start", "warm"]
