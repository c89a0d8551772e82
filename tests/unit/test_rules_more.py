"""The rules over what a config carries along, weights, the files beside it and names: found here, not found there."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest

import cardscope
from cardscope.checkpoint.contents import gather
from cardscope.checkpoint.header import check
from cardscope.model import HubFacts
from cardscope.rules import Repository, of_config, of_repository
from tests import facts
from tests.unit.test_rules import CAUSAL, YARN, codes, repo

LLAMA = facts.LLAMA3_8B
TABLE, HEAD = "model.embed_tokens.weight", "lm_head.weight"
MIB = 1 << 20
CONFIGS = {
    "CS317": ({**CAUSAL, "use_cache": False}, {**CAUSAL, "use_cache": True}),
    "CS318": (
        {"num_experts_per_tok": 8, "num_local_experts": 4},
        {"num_experts_per_tok": 2, "num_local_experts": 4},
    ),
    "CS319": (
        {"rope_scaling": {"rope_type": "linear", "factor": 0.25}},
        {"rope_scaling": {"rope_type": "linear", "factor": 4.0}},
    ),
    "CS320": (
        {"max_position_embeddings": 4096, "rope_scaling": YARN},
        {"max_position_embeddings": 32768, "rope_scaling": YARN},
    ),
    "CS321": ({"initializer_range": 0}, {"initializer_range": 0.02}),
    "CS322": ({"_attn_implementation": "flash_attention_2"}, {"_attn_implementation": "sdpa"}),
    "CS323": (
        {"quantization_config": {"quant_method": "gptq", "bits": 40}},
        {"quantization_config": {"quant_method": "gptq", "bits": 4}},
    ),
    "CS324": (
        {"quantization_config": {"load_in_4bit": True, "load_in_8bit": True}},
        {"quantization_config": {"load_in_4bit": True, "load_in_8bit": False}},
    ),
    "CS325": ({**CAUSAL, "eos_token_id": None}, {**CAUSAL, "eos_token_id": 2}),
    "CS326": ({"gradient_checkpointing": True}, {"gradient_checkpointing": False}),
    "CS327": (
        {"id2label": {"0": "no", "1": "yes"}, "label2id": {"no": 1, "yes": 0}},
        {"id2label": {"0": "no", "1": "yes"}, "label2id": {"no": 0, "yes": 1}},
    ),
}


def held(dtype: str = "BF16", *, tied: bool | None = None, names: tuple[str, ...] = (TABLE,)):
    """What headers of tensors of 4 × 4 say."""
    size = 16 * {"BF16": 2, "F32": 4, "I32": 4}[dtype]
    found = {
        name: {"dtype": dtype, "shape": [4, 4], "data_offsets": [at * size, (at + 1) * size]}
        for at, name in enumerate(names)
    }
    return gather({"model.safetensors": check(found, "model.safetensors")}, {}, tied=tied)


def sized(config=None, parameters=None, **files: int) -> Repository:
    """A repository whose files have sizes; `_` and `__` in the names stand for the signs that Python forbids."""
    named = tuple((name.replace("__", "/").replace("_dot_", "."), size) for name, size in files.items())
    return Repository("org/m", config or {}, parameters, HubFacts(files=named))


def beside(config=None, name: str = "org/m", context=None, *, files: tuple[str, ...] = (), **contents) -> Repository:
    """A repository with a generation config or a tokenizer's."""
    found = {f"{key}_config.json": content for key, content in contents.items()}
    facts = HubFacts(files=tuple((file, 1) for file in files))
    return Repository(name, config or {}, None, facts, context=context, beside=MappingProxyType(found))


BF16, GPTQ = {"torch_dtype": "bfloat16"}, {"quantization_config": {"quant_method": "gptq", "bits": 4}}
REPOSITORIES = {
    "CS220": (
        Repository("org/m", BF16, None, None, contents=held("F32")),
        Repository("org/m", BF16, None, None, contents=held("BF16")),
    ),
    "CS221": (
        Repository("org/m", {}, None, None, contents=held(tied=True, names=(TABLE, HEAD))),
        Repository("org/m", {}, None, None, contents=held(tied=False, names=(TABLE, HEAD))),
    ),
    "CS222": (
        repo("model.safetensors", config=GPTQ, safetensors_dtypes={"F16": 100}),
        repo("model.safetensors", config=GPTQ, safetensors_dtypes={"F16": 20, "I32": 80}),
    ),
    "CS223": (
        repo("model.safetensors", safetensors_dtypes={"F16": 20, "I32": 80}),
        repo("model.safetensors", config=GPTQ, safetensors_dtypes={"F16": 20, "I32": 80}),
    ),
    "CS224": (sized(model_dot_safetensors=133), sized(model_dot_safetensors=MIB)),
    "CS225": (
        sized(model_dot_safetensors=MIB, pytorch_model_dot_bin=MIB),
        sized(model_dot_safetensors=MIB, training_args_dot_bin=MIB),
    ),
    "CS226": (sized(optimizer_dot_pt=2 * MIB), sized(model_dot_safetensors=2 * MIB)),
    "CS227": (
        sized(BF16, 10 * MIB, model_dot_safetensors=2 * MIB),
        sized(BF16, 10 * MIB, model_dot_safetensors=20 * MIB),
    ),
    "CS228": (
        repo("model.safetensors", safetensors_dtypes={"F32": 40, "BF16": 60}),
        repo("model.safetensors", safetensors_dtypes={"F32": 1, "BF16": 99}),
    ),
    "CS229": (
        repo("model.safetensors", parameters=2 * 10**9, safetensors_dtypes={"F32": 2 * 10**9}),
        repo("model.safetensors", parameters=2 * 10**9, safetensors_dtypes={"BF16": 2 * 10**9}),
    ),
    "CS601": (
        beside({"vocab_size": 100}, generation={"eos_token_id": [2, 100]}),
        beside({"vocab_size": 100}, generation={"eos_token_id": [2, 99]}),
    ),
    "CS602": (
        beside({"eos_token_id": 2}, generation={"eos_token_id": [7, 8]}),
        beside({"eos_token_id": 2}, generation={"eos_token_id": [2, 8]}),
    ),
    "CS603": (beside(generation={"temperature": 0.6}), beside(generation={"temperature": 0.6, "do_sample": True})),
    "CS604": (beside(generation={"top_p": 1.5}), beside(generation={"top_p": 0.9, "do_sample": True})),
    "CS605": (
        beside({"max_position_embeddings": 2048}, generation={"max_length": 4096}),
        beside({"max_position_embeddings": 4096}, generation={"max_length": 4096}),
    ),
    "CS606": (
        beside({"max_position_embeddings": 2048}, tokenizer={"model_max_length": 4096}),
        beside({"max_position_embeddings": 2048}, tokenizer={"model_max_length": 10**30}),
    ),
    "CS607": (
        beside({"vocab_size": 100}, tokenizer={"added_tokens_decoder": {"100": {"content": "<x>"}}}),
        beside({"vocab_size": 101}, tokenizer={"added_tokens_decoder": {"100": {"content": "<x>"}}}),
    ),
    "CS608": (
        beside({"eos_token_id": 1}, tokenizer={"eos_token": "<x>", "added_tokens_decoder": {"5": {"content": "<x>"}}}),
        beside({"eos_token_id": 5}, tokenizer={"eos_token": "<x>", "added_tokens_decoder": {"5": {"content": "<x>"}}}),
    ),
    "CS609": (
        beside(name="org/m-7B-Instruct", tokenizer={"model_max_length": 1}),
        beside(name="org/m-7B-Instruct", files=("chat_template.jinja",), tokenizer={"model_max_length": 1}),
    ),
    "CS610": (
        beside(tokenizer={"auto_map": {"AutoTokenizer": ["tokenization.T", None]}}),
        beside(tokenizer={"auto_map": {}}),
    ),
    "CS611": (
        beside(CAUSAL, tokenizer={"pad_token": None, "x": 1}),
        beside({**CAUSAL, "pad_token_id": 0}, tokenizer={"pad_token": None, "x": 1}),
    ),
    "CS612": (beside(generation=None), beside(generation={"eos_token_id": 2})),
    "CS701": (beside(name="org/m-7B-128k", context=8192), beside(name="org/m-7B-128k", context=128_000)),
    "CS702": (repo("config.json", name="org/m-GGUF"), repo("m-Q4_K_M.gguf", name="org/m-GGUF")),
    "CS703": (repo(name="org/m-fp16", config=BF16), repo(name="org/m-bf16", config=BF16)),
    "CS704": (repo(name="org/m-4bit"), repo(name="org/m-4bit", config=GPTQ)),
    "CS705": (
        repo(name="org/m-8x7B", config={"num_hidden_layers": 32}),
        repo(name="org/m-8x7B", config={"num_local_experts": 8}),
    ),
}


@pytest.mark.parametrize("code", CONFIGS)
def test_a_rule_of_configs_tells_the_two_apart(code):
    bad, good = CONFIGS[code]
    assert code in codes(of_config(bad, "config.json"))
    assert code not in codes(of_config(good, "config.json"))


@pytest.mark.parametrize("code", REPOSITORIES)
def test_a_rule_of_repositories_tells_the_two_apart(code):
    bad, good = REPOSITORIES[code]
    assert code in codes(of_repository(bad))
    assert code not in codes(of_repository(good))


@pytest.mark.parametrize("name", ["facebook/opt-125m", "EleutherAI/pythia-160m", "org/m-1M", "org/m-7B-32k"])
def test_a_size_in_a_name_is_no_context(name):
    assert "CS701" not in codes(of_repository(beside(name=name, context=32_768)))


def test_a_quantization_that_a_file_of_its_own_tells_is_no_finding():
    told = repo("config.json", "hf_quant_config.json", name="org/m-NVFP4")
    assert "CS704" not in codes(of_repository(told))
    assert "CS704" in codes(of_repository(repo("config.json", name="org/m-NVFP4")))


@pytest.mark.parametrize("content", [{"added_tokens_decoder": []}, {"added_tokens_decoder": {"1": 7, "x": {}}}, {}])
def test_files_of_the_wrong_shape_are_no_fault(content):
    list(of_repository(beside({"vocab_size": "x", "text_config": {}}, tokenizer=content, generation={"top_p": "x"})))


# -- through an audit of a folder --------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """A small model whose config ties its head, with its weights and the files beside it."""
    config = {**LLAMA, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 1, "num_attention_heads": 4}
    config |= {"num_key_value_heads": 2, "vocab_size": 100, "tie_word_embeddings": True, "eos_token_id": 2}
    config |= {"bos_token_id": 1}

    def write(shapes: dict[str, list[int]], dtype: str = "BF16", **beside) -> str:
        header, at = {}, 0
        for name, shape in shapes.items():
            size = shape[0] * (shape[1] if len(shape) > 1 else 1) * (4 if dtype == "F32" else 2)
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
            at += size
        text = json.dumps(header).encode()
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(at))
        for name, content in beside.items():
            (tmp_path / f"{name}_config.json").write_text(json.dumps(content))
        return str(tmp_path)

    return write


LAYER = "model.layers.0."
SHAPES = {
    TABLE: [100, 64], "model.norm.weight": [64], LAYER + "input_layernorm.weight": [64],
    LAYER + "post_attention_layernorm.weight": [64], LAYER + "self_attn.q_proj.weight": [64, 64],
    LAYER + "self_attn.k_proj.weight": [32, 64], LAYER + "self_attn.v_proj.weight": [32, 64],
    LAYER + "self_attn.o_proj.weight": [64, 64], LAYER + "mlp.gate_proj.weight": [96, 64],
    LAYER + "mlp.up_proj.weight": [96, 64], LAYER + "mlp.down_proj.weight": [64, 96],
}  # fmt: skip


def found(path: str, **options) -> set[str]:
    """The codes of an audit of one folder."""
    (row,) = cardscope.audit([path], **options)
    assert row.status == "ok", row.error
    return codes(row.findings)


def test_a_sound_folder_has_none_of_the_findings_about_files(folder):
    path = folder(SHAPES, generation={"eos_token_id": 2}, tokenizer={"pad_token": "<p>", "model_max_length": 8192})
    assert {code for code in found(path) if code[:3] in {"CS2", "CS6", "CS7"}} == set()


def test_a_folder_s_headers_are_read(folder):
    path = folder({**SHAPES, "lm_head.weight": [100, 64]}, dtype="F32")
    assert {"CS220", "CS221"} <= found(path)
    (row,) = cardscope.audit([path])
    assert (row.witness, row.dtype) == ("stored", "float32")


def test_a_shape_against_the_config_is_found(folder):
    assert "CS203" in found(folder({**SHAPES, LAYER + "mlp.up_proj.weight": [90, 64]}))


def test_headers_are_not_read_where_they_are_not_wanted(folder):
    path = folder({**SHAPES, LAYER + "mlp.up_proj.weight": [90, 64]})
    assert "CS203" not in found(path, headers=False)


def test_the_files_beside_a_config_are_read(folder):
    assert "CS601" in found(folder(SHAPES, generation={"eos_token_id": 100}))
    assert "CS601" not in found(folder(SHAPES, generation={"eos_token_id": 100}), files=False)


def test_a_file_that_is_not_json_is_a_finding(folder, tmp_path):
    path = folder(SHAPES)
    (tmp_path / "generation_config.json").write_text("<html>")
    assert "CS612" in found(path)
