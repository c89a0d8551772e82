"""Rewrites the outputs in README.md: each `<!-- run: COMMAND -->` is followed by what the command prints today.

python tools/readme.py            rewrite
python tools/readme.py --check    exit 1 if anything would change
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- run: (?P<command>[^\n]+) -->\n```text\n)(?P<body>.*?)(```)", re.DOTALL)
COVERAGE = re.compile(r"<!-- coverage -->\n.*?\n(?=## )", re.DOTALL)


def output(command: str) -> str:
    """What a `cardscope …` command prints, without network, colour or the user's own cache."""
    words = shlex.split(command)
    assert words[0] == "cardscope"
    env = {"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", "HF_HOME": "/nonexistent", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "cardscope", *words[1:]], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout


def coverage() -> str:
    """The sentence on how many types are declared, from the registry and the catalogue."""
    sys.path.insert(0, str(ROOT))
    from cardscope.archs.coverage import coverage as found
    from cardscope.source.catalog import ids

    models = len(set(ids()))
    return (
        f"<!-- coverage -->\n{found().sentence}\nThe bundled catalogue knows {models} well-known models; "
        "`cardscope archs` lists the types and how each was checked.\n\n"
    )


def fresh(text: str) -> str:
    """The README with every generated part made anew."""
    text = BLOCK.sub(lambda found: found[1] + output(found["command"]) + found[4], text)
    return COVERAGE.sub(lambda _: coverage(), text)


def main() -> int:
    """Rewrites or checks; returns the exit code."""
    path = ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    new = fresh(old)
    if "--check" in sys.argv:
        return int(old != new)
    path.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
