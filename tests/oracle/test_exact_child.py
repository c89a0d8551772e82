"""The exact witness end to end: what it counts, what it refuses, and that nothing a config does reaches the caller."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from cardscope import exact
from cardscope.exact.installed import find_extra
from cardscope.exact.process import Child, Silence

pytestmark = [
    pytest.mark.exact,
    pytest.mark.skipif(find_extra().missing is not None, reason="the exact extra is not installed"),
]

ROOT = Path(__file__).parents[2]

GPT2 = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_ctx": 1024, "n_positions": 1024}
GPT2 |= {"n_embd": 768, "n_head": 12, "n_layer": 12, "vocab_size": 50257}
GPT2_TOTAL = 124439808

LLAMA_3_8B = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 128256}
LLAMA_3_8B |= {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32}
LLAMA_3_8B |= {"num_key_value_heads": 8, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "rope_theta": 5e5}

LLAMA_32_1B = LLAMA_3_8B | {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "head_dim": 64}
LLAMA_32_1B |= {"tie_word_embeddings": True, "rope_scaling": {"rope_type": "llama3", "factor": 32.0}}
LLAMA_32_1B["rope_scaling"] |= {
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}

DEEPSEEK_V3 = {"model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"], "vocab_size": 129280}
DEEPSEEK_V3 |= {"hidden_size": 7168, "intermediate_size": 18432, "moe_intermediate_size": 2048}
DEEPSEEK_V3 |= {"num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128}
DEEPSEEK_V3 |= {"n_shared_experts": 1, "n_routed_experts": 256, "num_experts_per_tok": 8, "first_k_dense_replace": 3}
DEEPSEEK_V3 |= {"kv_lora_rank": 512, "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128}
DEEPSEEK_V3 |= {"v_head_dim": 128, "n_group": 8, "topk_group": 4, "num_nextn_predict_layers": 1}
DEEPSEEK_V3 |= {"auto_map": {"AutoConfig": "configuration_deepseek.DeepseekV3Config"}}
DEEPSEEK_V3 |= {"quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}}

ENDLESS = GPT2 | {"n_layer": 20000, "n_embd": 12, "n_head": 1, "vocab_size": 10}
"""As many layers as the caps let through: some twenty seconds of building."""


@pytest.fixture(scope="module")
def worker():
    """One child for all the tests that do not end it."""
    with exact.warm(cache=False) as worker:
        yield worker


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("CARDSCOPE_CACHE", str(tmp_path))
    return tmp_path


def gone(pid: int) -> bool:
    """Whether a process has ended, waiting some seconds for it."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.05)
    return False


# what is counted


@pytest.mark.parametrize(
    ("config", "total", "buffers"),
    [
        pytest.param(GPT2, GPT2_TOTAL, 0, id="gpt2, whose masks are no longer in the checkpoint"),
        pytest.param(LLAMA_3_8B, 8030261248, 0, id="llama-3-8b, with its head"),
        pytest.param(LLAMA_32_1B, 1235814400, 0, id="llama-3.2-1b, its tied head once"),
        pytest.param(LLAMA_32_1B | {"tie_word_embeddings": False}, 1498482688, 0, id="the same untied"),
        pytest.param(DEEPSEEK_V3, 671026404352, 14848, id="deepseek-v3, with 58 x 256 correction biases"),
    ],
)
def test_known_models_are_counted_exactly(worker, config, total, buffers):
    found = worker.count(config)
    assert (found.status, found.total, found.buffers) == ("ok", total, buffers)
    assert found.class_name == config["architectures"][0]


def test_671_billion_parameters_fit_in_one_gibibyte():
    assert exact.count(DEEPSEEK_V3, memory_bytes=1 << 30, cache=False).total == 671026404352


def test_the_answer_names_the_versions_it_rests_on(worker):
    assert worker.count(GPT2).versions == find_extra().versions


def test_the_named_class_is_built_with_or_without_a_head(worker):
    assert worker.count(LLAMA_3_8B | {"architectures": ["LlamaModel"]}).total == 7504924672


def test_without_architectures_the_causal_class_is_built_and_stated(worker):
    found = worker.count({key: value for key, value in GPT2.items() if key != "architectures"})
    assert (found.total, found.class_name) == (GPT2_TOTAL, "GPT2LMHeadModel")
    assert found.reason == "no architectures: the causal-LM class GPT2LMHeadModel"


def test_quantization_and_dtype_do_not_matter(worker):
    quantized = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    assert worker.count(GPT2 | {"quantization_config": quantized, "dtype": "no such dtype"}).total == GPT2_TOTAL


def test_a_wish_for_a_kernel_is_not_followed(worker):
    wish = {"attn_implementation": "kernels-community/flash-attn", "_attn_implementation": "flash_attention_2"}
    assert worker.count(GPT2 | wish).total == GPT2_TOTAL


def test_an_inner_class_is_built_from_a_wrappers_inner_config(worker):
    text = {"model_type": "gemma3_text", "num_hidden_layers": 2, "hidden_size": 64, "vocab_size": 100, "head_dim": 8}
    wrapper = {"model_type": "gemma3", "text_config": text, "vision_config": {"hidden_size": 32}}
    inner = worker.count(wrapper | {"architectures": ["Gemma3ForCausalLM"]})
    assert inner.total == worker.count(text | {"architectures": ["Gemma3ForCausalLM"]}).total
    assert inner.reason == "the gemma3_text part of gemma3"


def test_shapes_are_given_on_request(worker):
    found = worker.count(DEEPSEEK_V3, detail=True)
    kinds = {kind: [t for t in found.tensors if t.kind == kind] for kind in ("parameter", "buffer")}
    sizes = {kind: sum(_numel(t.shape) for t in tensors) for kind, tensors in kinds.items()}
    assert sizes == {"parameter": 671026404352, "buffer": 14848}
    assert kinds["buffer"][0] == ("model.layers.3.mlp.gate.e_score_correction_bias", (256,), "buffer")


def _numel(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


# what the child spares itself

TYPES = "gpt2 llama falcon bloom mamba2 jamba qwen3_next deepseek_v3 gemma3_text gpt_oss llama4_text mpt zamba2 bart"


def asked(child: Child, config: dict[str, object]) -> object:
    child.ask(json.dumps({"config": config, "detail": True, "timeout": 60}))
    return child.answer(time.monotonic() + 60)


def arguments(worker: exact.Worker) -> str:
    return Path(f"/proc/{worker._child._process.pid}/cmdline").read_text()


def test_imports_that_are_spared_change_nothing():
    """Each type's own defaults, tensor by tensor."""
    spared, whole = Child(2 << 30), Child(2 << 30, trim=False)
    configs = [{"model_type": name} for name in TYPES.split()]
    answers = [[asked(child, config) for config in configs] for child in (spared, whole)]
    spared.close()
    whole.close()
    assert answers[0] == answers[1]
    assert {answer["status"] for answer in answers[0]} == {"ok"}


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads the child's arguments from /proc")
def test_a_failure_is_tried_again_with_every_import():
    with exact.Worker(cache=False) as worker:
        assert worker.count(GPT2).total == GPT2_TOTAL
        assert '"trim": true' in arguments(worker)
        pid = worker._child._process.pid
        assert worker.count(GPT2 | {"n_embd": -1}).status == "failed"
        assert worker.count(LLAMA_32_1B).total == 1235814400
        assert '"trim": false' in arguments(worker)
        assert worker._child._process.pid == pid


def test_a_broken_package_that_shapes_nothing_does_not_matter(tmp_path):
    for name in ("flash_attn", "kernels", "sklearn"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise OSError('undefined symbol')\n")
    child = Child(2 << 30, (str(tmp_path),))
    answer = asked(child, {"model_type": "falcon", "num_hidden_layers": 2})
    child.close()
    assert answer["status"] == "ok"


# what is not built


def test_an_unknown_class_is_unavailable_and_no_other_is_built(worker):
    found = worker.count(GPT2 | {"architectures": ["GPT2SomethingElse"]})
    assert (found.status, found.total, found.class_name) == ("unavailable", None, None)
    assert found.reason.endswith("has no class GPT2SomethingElse")


@pytest.mark.parametrize("name", ["AutoModel", "GPT2Config", "GPT2Tokenizer", "GPT2PreTrainedModel", "logging"])
def test_a_name_that_is_no_model_is_unavailable(worker, name):
    assert worker.count(GPT2 | {"architectures": [name]}).status == "unavailable"


@pytest.mark.parametrize("named", ["GPT2LMHeadModel", [3], ["os.system"], ["__class__"], [""], {"a": 1}])
def test_architectures_that_name_no_class_are_unavailable(worker, named):
    assert worker.count(GPT2 | {"architectures": named}).status == "unavailable"


def test_an_unknown_type_with_its_own_code_is_unavailable_without_a_question(worker):
    config = {"model_type": "not_a_type", "architectures": ["NotAModel"], "auto_map": {"AutoConfig": "a.B"}}
    found = worker.count(config)
    assert found.status == "unavailable"
    assert found.reason.endswith(
        "has no model type 'not_a_type'; the repository brings its own code, which is never run"
    )


def test_a_part_with_its_own_code_is_not_asked_about(worker):
    part = {"model_type": "not_a_type", "auto_map": {"AutoConfig": "a.B", "AutoModel": "a.C"}}
    found = worker.count({"model_type": "llava", "architectures": ["LlavaModel"], "text_config": part})
    assert found.status == "failed"
    assert "not_a_type" in found.reason


def test_native_code_is_used_in_place_of_the_repositorys(worker):
    found = worker.count(GPT2 | {"auto_map": {"AutoModelForCausalLM": "modeling_gpt2.GPT2LMHeadModel"}})
    assert (found.total, found.reason) == (
        GPT2_TOTAL,
        "built by transformers' own code; the repository's code is not run",
    )


def test_a_config_that_makes_transformers_ask_the_hub_is_unavailable(worker):
    part = {"model_type": "maskformer", "architectures": ["MaskFormerModel"], "backbone": "microsoft/resnet-50"}
    found = worker.count(part)
    assert (found.status, found.reason) == (
        "unavailable",
        "a part of it would have to be fetched from the Hub, which is not done",
    )


def test_an_empty_config_is_unavailable(worker):
    assert worker.count({}).reason == "the config has neither model_type nor architectures"


def test_a_value_transformers_refuses_is_a_failure_of_one_line(worker):
    found = worker.count(GPT2 | {"n_embd": "768 /home/someone/secret/file"})
    assert found.status == "failed"
    assert "\n" not in found.reason
    assert "/home" not in found.reason
    assert len(found.reason) < 350


# nothing a config does reaches the caller


def test_too_little_time_is_a_failure():
    found = exact.count(ENDLESS, timeout=4, cache=False)
    assert (found.status, found.reason) == ("failed", "it took longer than it may take")


def test_too_little_memory_is_a_failure():
    """A hundred million labels are a dictionary of many gigabytes."""
    found = exact.count(GPT2 | {"num_labels": 10**8}, memory_bytes=1 << 30, cache=False)
    assert (found.status, found.reason) == ("failed", "the build needs more memory than it may use")


def test_a_billion_layers_past_the_caps_end_at_the_time_limit():
    child = Child(1 << 30)
    child.ask('{"config":{"model_type":"gpt2","n_layer":1000000000},"detail":false,"timeout":60}')
    with pytest.raises(Silence, match="it took longer than it may take"):
        child.answer(time.monotonic() + 4)
    assert not child.alive


def test_a_crash_costs_only_its_own_config(worker):
    pending = worker.start(ENDLESS)
    os.kill(worker._child._process.pid, signal.SIGSEGV)
    assert pending.result().reason == "the build crashed or was killed (SIGSEGV)"
    assert worker.count(GPT2).total == GPT2_TOTAL


def test_a_child_serves_many_configs_and_survives_a_bad_one(worker):
    first = worker.count(GPT2)
    pid = worker._child._process.pid
    statuses = [worker.count(config).status for config in (GPT2 | {"n_embd": -1}, {"model_type": "x"}, LLAMA_32_1B)]
    assert (first.status, statuses) == ("ok", ["failed", "unavailable", "ok"])
    assert worker._child._process.pid == pid


def test_a_second_question_waits_for_the_first(worker):
    first, second = worker.start(GPT2), worker.start(LLAMA_32_1B)
    assert (second.result().total, first.result().total) == (1235814400, GPT2_TOTAL)


def test_cancelling_ends_the_child_and_says_so():
    pending = exact.start(ENDLESS, cache=False)
    pid = pending._asked.child._process.pid
    pending.cancel()
    assert (pending.result().status, pending.result().reason) == ("skipped", "cancelled")
    assert gone(pid)


def test_a_child_leaves_no_folder_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert exact.count(GPT2, cache=False).status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_child_ends_with_its_parent():
    """Even a parent that is killed, and a child in the middle of a build."""
    code = f"""
        import sys, time; sys.path.insert(0, {str(ROOT)!r})
        from cardscope import exact
        pending = exact.start({ENDLESS!r}, cache=False)
        print(pending._asked.child._process.pid, flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    time.sleep(3)
    parent.kill()
    parent.communicate()
    assert gone(pid)


@pytest.mark.parametrize("through", ["folder", "PYTHONPATH", "home"])
def test_a_folder_of_impostors_is_harmless(tmp_path, monkeypatch, through):
    """Modules named like those the child imports: in the current folder, on PYTHONPATH, in the user's own."""
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = tmp_path / ".local" / "lib" / f"python{minor}" / "site-packages" if through == "home" else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    mark = tmp_path / "was here"
    for name in ("torch", "json", "accelerate", "sitecustomize", "usercustomize", "gc", "numpy", "threading"):
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'w')\nraise SystemExit(3)\n")
    (folder / "transformers").mkdir()
    (folder / "transformers" / "__init__.py").write_text(f"open({str(mark)!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME" if through == "home" else "PYTHONPATH", str(tmp_path))
    if through == "folder":
        monkeypatch.setenv("PYTHONPATH", "")
    assert exact.count(GPT2, cache=False).total == GPT2_TOTAL
    assert not mark.exists()


# the cache


def test_a_kept_answer_starts_no_child(kept, monkeypatch):
    first = exact.count(GPT2)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert exact.count(GPT2) == first


def test_a_changed_config_is_not_answered_from_the_cache(kept):
    with exact.Worker() as worker:
        totals = [worker.count(config).total for config in (GPT2, GPT2 | {"n_layer": 6})]
    assert totals == [GPT2_TOTAL, 81912576]


def test_failures_are_not_kept(kept):
    with exact.Worker() as worker:
        statuses = [worker.count(config).status for config in (GPT2 | {"n_embd": -1}, {"model_type": "x"}, GPT2)]
    assert statuses == ["failed", "unavailable", "ok"]
    assert len(list(kept.rglob("*.json"))) == 1


def test_without_an_interpreter_the_count_fails_with_a_reason(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    found = exact.count(GPT2, cache=False)
    assert (found.status, found.reason) == ("failed", "no process can be started: No such file or directory")
