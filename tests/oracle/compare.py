"""cardscope's inventory against the oracle's tensors: exact, wrong, or declined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardscope.archs import interpret, open_config
from cardscope.errors import CardscopeError, NotModelled
from cardscope.inventory import take
from tests.oracle.places import places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.oracle.meta import Built


@dataclass(frozen=True, slots=True)
class Verdict:
    """What cardscope made of a config that transformers builds.

    `state`: exact, wrong (flagged when the declaration itself reports keys it did not read) or declined (it says that
    the type or the class is not modelled).
    """

    state: str
    delta: int = 0
    why: tuple[str, ...] = ()
    flagged: bool = False

    @property
    def exact(self) -> bool:
        return self.state == "exact"


def judge(config: Mapping[str, object], built: Built) -> Verdict:
    """Compare totals and buffers; on a difference say where it sits."""
    fields = open_config(config)
    try:
        inventory = take(interpret(fields))
    except NotModelled as error:
        return Verdict("declined", why=(str(error),))
    except CardscopeError as error:
        state = "declined" if "not modelled" in str(error) else "wrong"
        return Verdict(state, why=(f"cardscope refuses: {error}",), flagged=True)
    except Exception as error:  # noqa: BLE001 - a crash is a finding like any other
        return Verdict("wrong", why=(f"cardscope crashes: {type(error).__name__}: {error}",))
    flagged = bool(fields.unread())
    delta, buffers = inventory.parameters - built.total, inventory.buffers - built.buffers
    if not delta and not buffers:
        return Verdict("exact")
    why = list(places(config, inventory, built)) if delta else []
    if buffers:
        why.append(f"buffers {inventory.buffers:,} for {built.buffers:,}")
    if flagged:
        why.append(f"unread: {', '.join(fields.unread())}")
    return Verdict("wrong", delta, tuple(why), flagged)
