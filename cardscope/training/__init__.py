"""A training run planned from the same specification as every other figure."""

from cardscope.training.plan import Plan, Run, plan

__all__ = ["Plan", "Run", "plan"]
