"""The README says what the program prints."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_outputs_and_coverage_line_are_fresh():
    """Every generated block of the README equals what its command prints today (tools/readme.py rewrites them)."""
    done = subprocess.run([sys.executable, "tools/readme.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or "run python tools/readme.py"


def test_the_readme_has_the_two_commands_that_ci_runs():
    """CI takes its commands from the README, so the markers must be there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!-- install -->\n```bash\npip install -e '.[exact]' && cardscope meta-llama/Meta-Llama-3-8B\n```" in text
    assert "<!-- test -->\n```bash\npip install -e '.[test]' && pytest -q -n 2\n```" in text
