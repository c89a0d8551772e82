"""Several models side by side: what differs is marked."""

from cardscope.comparison.build import compare_reports
from cardscope.comparison.model import Column, Comparison, Row

__all__ = ["Column", "Comparison", "Row", "compare_reports"]
