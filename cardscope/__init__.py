"""cardscope: what a model is, how many parameters it has, and what it costs to run.

import cardscope
report = cardscope.inspect("meta-llama/Meta-Llama-3-8B")
report.parameters.analytic.total
"""

from cardscope.api import inspect
from cardscope.errors import CardscopeError
from cardscope.report.model import Report

__version__ = "0.1.0"

__all__ = ["CardscopeError", "Report", "inspect"]
