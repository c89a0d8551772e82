"""The count of one model derived step by step, with the numbers put in."""

from cardscope.derivation.derive import derive
from cardscope.derivation.model import Explanation, Fact, Scaling, Section, Short, Step

__all__ = ["Explanation", "Fact", "Scaling", "Section", "Short", "Step", "derive"]
