"""Write fixtures/oracle/TYPE.json: transformers' own totals of some cases, for machines without torch.

`python -m tools.record [TYPE…]` (default: every declared type that transformers builds). Each file holds the
transformers version and cases of name, total, buffers and config, one to a line.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import transformers  # noqa: E402 - after the path is set

from cardscope.archs import build as declare  # noqa: E402 - after the path is set
from cardscope.errors import NotModelled  # noqa: E402 - after the path is set
from tests.oracle.cases import Case, cases  # noqa: E402 - after the path is set
from tests.oracle.meta import Refused  # noqa: E402 - after the path is set
from tests.oracle.run import DECLARED, settle  # noqa: E402 - after the path is set

FOLDER = ROOT / "fixtures" / "oracle"
WHOLE_KINDS = ("default", "perturbed", "tied", "untied", "random0", "random1", "random2", "random3", "random4")
MOST_SPELLED = 3


def chosen(model_type: str) -> list[Case]:
    """The cases worth keeping: the named ones, a few spellings and task heads, a few random draws."""
    every = list(cases(model_type, seeds=5))
    spelled = [case for case in every if case.name.startswith("spelled:")]
    heads = [case for case in every if case.name.startswith("class:")]
    return [
        *(case for case in every if case.name in WHOLE_KINDS),
        *spelled[:MOST_SPELLED],
        *heads[:MOST_SPELLED],
    ]


def declined(config: dict[str, object]) -> bool:
    """Whether cardscope says that it does not model the class the config names."""
    try:
        declare(config)
    except NotModelled:
        return True
    return False


def recorded(model_type: str) -> dict[str, object] | None:
    """The file's content, or None where transformers builds nothing of the type."""
    found = []
    for case in chosen(model_type):
        outcome = settle(case)
        if isinstance(outcome, Refused):
            continue
        config, built, _ = outcome
        if declined(config):
            continue
        found.append({"name": case.name, "total": built.total, "buffers": built.buffers, "config": config})
    if not found:
        return None
    return {"transformers": transformers.__version__, "model_type": model_type, "cases": found}


def write(model_type: str) -> Path | None:
    """Record one type; one line for each case keeps the difference of a new recording readable."""
    content = recorded(model_type)
    if content is None:
        return None
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in content["cases"])
    head = json.dumps({key: content[key] for key in ("transformers", "model_type")})[:-1]
    path = FOLDER / f"{model_type}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{head}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")
    return path


def main(names: list[str]) -> int:
    """Record the types named, or all."""
    warnings.simplefilter("ignore")
    for model_type in names or DECLARED:
        path = write(model_type)
        print(f"{model_type}: {f'{path.stat().st_size:,} bytes' if path else 'transformers builds no case of it'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
