"""The light path: a dict in, a report out, and nothing imported, opened or asked on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests import facts

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "torch", "transformers", "accelerate", "huggingface_hub", "safetensors", "httpx", "httpx2", "requests", "urllib3",
    "http.client", "ssl", "socket", "rich", "click", "numpy", "pickle", "subprocess", "asyncio", "html.parser",
)  # fmt: skip
WATCH = """
import json, sys
seen, config = [], json.loads(sys.stdin.read())
def watch(event, words):
    if event == "open" or event.split(".")[0] in {"socket", "subprocess", "os", "shutil", "urllib", "ctypes"}:
        seen.append([event, str(words[0]) if words else ""])
sys.addaudithook(watch)
import cardscope
report = cardscope.inspect(config, exact=False, headers=False)
made = json.dumps(report.to_dict())
print(json.dumps({"seen": seen, "modules": sorted(sys.modules), "total": report.parameters.analytic.total}))
"""


def watched(config: dict[str, object], cwd: Path) -> dict[str, list]:
    """What a report of a dict opened and imported."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WATCH],
        input=json.dumps(config),
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["LLAMA3_8B", "DEEPSEEK_V3", "GEMMA3_27B", "JAMBA_MINI"])
def test_a_dict_touches_neither_network_nor_disk(name, tmp_path):
    """Beyond the package's own data, and the modules that Python itself reads."""
    found = watched(getattr(facts, name), tmp_path)
    library = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib"))
    events = {event for event, _ in found["seen"]} - {"open", "os.listdir", "os.scandir"}
    assert events == set()
    opened = {path for event, path in found["seen"] if event == "open"}
    foreign = {path for path in opened if not path.startswith((str(ROOT / "cardscope"), *library))}
    assert foreign == set()
    assert any("defaults.jsonl" in path for path in opened), "the hook saw nothing"


@pytest.mark.parametrize("name", ["LLAMA3_8B", "DEEPSEEK_V3", "GEMMA3_27B", "JAMBA_MINI"])
def test_a_dict_imports_nothing_heavy(name, tmp_path):
    modules = set(watched(getattr(facts, name), tmp_path)["modules"])
    assert "cardscope.assemble" in modules
    assert modules & set(HEAVY) == set()


def loaded(*words: str, cwd: Path) -> set[str]:
    """What a command imports."""
    code = f"import sys; from cardscope.cli import run; run({list(words)!r}); print(*sys.modules, file=sys.stderr)"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HF_HOME": str(cwd), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_help_imports_neither_the_declarations_nor_the_hub(tmp_path):
    found = loaded("--help", cwd=tmp_path)
    assert "click" in found
    heavy = {"cardscope.assemble", "cardscope.archs", "cardscope.report.text", "huggingface_hub", "rich", "torch"}
    assert found & heavy == set()


def test_an_offline_report_imports_no_http_client(tmp_path):
    found = loaded("gpt2", "--no-exact", "--offline", cwd=tmp_path)
    assert found & {"torch", "transformers", "accelerate", "httpx", "requests", "http.client", "ssl", "rich"} == set()


def test_nothing_in_the_current_folder_is_imported(tmp_path):
    """A folder that holds json.py, torch.py, click.py and a package called cardscope is harmless."""
    for name in ("json", "click", "torch", "rich", "transformers", "cardscope_evil", "typing", "unicodedata"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this was imported')")
    (tmp_path / "config.json").write_text(json.dumps(facts.LLAMA3_8B))
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from cardscope.cli import main; main()"
    command = [sys.executable, "-P", "-c", code, "./config.json", "--no-exact", "--format", "quiet"]
    environment = {"PATH": os.environ["PATH"], "HF_HOME": str(tmp_path / "hf")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("8030261248\n", "")
