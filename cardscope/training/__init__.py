"""A training run planned from the same specification as every other figure."""

from cardscope.training.memory import Memory
from cardscope.training.plan import Plan, plan
from cardscope.training.run import Run

__all__ = ["Memory", "Plan", "Run", "plan"]
