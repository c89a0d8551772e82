"""Small architectures under a budget: a closed form found from the inventory, a search over it, reasons."""

from cardscope.designing.ask import Ask
from cardscope.designing.build import design_for
from cardscope.designing.model import Design, Designs

__all__ = ["Ask", "Design", "Designs", "design_for"]
