"""Generated files are what their tools would write today."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_index_of_families_is_fresh():
    """`python tools/index.py` has been run since the last declaration was added."""
    done = subprocess.run([sys.executable, "tools/index.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or "run python tools/index.py"


def test_the_record_of_checks_is_fresh():
    """`python tools/checked.py` has been run since the last recording, catalogue entry or declaration was added."""
    done = subprocess.run([sys.executable, "tools/checked.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or "run python tools/checked.py"


def test_one_type_loads_one_family():
    """Looking one common type up does not import the declarations of the others."""
    code = (
        "import sys; from cardscope.archs import find; assert find('bert') is not None;"
        "print(*sorted(m for m in sys.modules if m.startswith('cardscope.archs.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "cardscope.archs.encoder" in done.stdout
    assert "cardscope.archs.hybrid" not in done.stdout
