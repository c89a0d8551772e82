"""cardscope: what a model is, how many parameters it has, and what it costs to run.

import cardscope
report = cardscope.inspect("meta-llama/Meta-Llama-3-8B")
report.parameters.analytic.total
"""

from typing import TYPE_CHECKING

from cardscope.api import audit, card, compare, design, explain, inspect, train
from cardscope.api_fit import finetune, fit, largest
from cardscope.errors import CardscopeError

if TYPE_CHECKING:
    from cardscope.fitting.answer import Fit
    from cardscope.report.model import Report

__version__ = "0.1.0"

__all__ = [
    "CardscopeError",
    "Fit",
    "Report",
    "audit",
    "card",
    "compare",
    "design",
    "explain",
    "finetune",
    "fit",
    "inspect",
    "largest",
    "train",
]


def __getattr__(name: str) -> object:
    """`cardscope.Report`, imported only when somebody asks: `--help` does not."""
    if name == "Report":
        from cardscope.report.model import Report

        return Report
    if name == "Fit":
        from cardscope.fitting.answer import Fit

        return Fit
    raise AttributeError(f"module 'cardscope' has no attribute {name!r}")
