"""Dense, routed and sparse-latent decoders of 2024 to 2026: totals as published or as transformers 5.23 builds them."""

from collections import Counter

import pytest

from cardscope.archs import build, interpret, open_config
from cardscope.errors import BadField
from cardscope.inventory import take

GLM_5 = {
    "model_type": "glm_moe_dsa",
    "first_k_dense_replace": 3,
    "hidden_size": 6144,
    "index_head_dim": 128,
    "index_n_heads": 32,
    "intermediate_size": 12288,
    "kv_lora_rank": 512,
    "moe_intermediate_size": 2048,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_attention_heads": 64,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 78,
    "num_nextn_predict_layers": 1,
    "q_lora_rank": 2048,
    "qk_nope_head_dim": 192,
    "qk_rope_head_dim": 64,
    "v_head_dim": 256,
    "vocab_size": 154880,
}
"""zai-org/GLM-5; its safetensors hold 753,864,139,008 numbers."""

OLMO_3 = {
    "model_type": "olmo3",
    "hidden_size": 5120,
    "num_hidden_layers": 64,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "intermediate_size": 27648,
    "vocab_size": 100278,
    "sliding_window": 4096,
    "tie_word_embeddings": False,
}
"""allenai/Olmo-3-1125-32B; its safetensors hold 32,233,522,176 numbers."""

PHI_TINY_MOE = {
    "model_type": "phimoe",
    "attention_bias": True,
    "head_dim": 128,
    "hidden_size": 4096,
    "intermediate_size": 448,
    "lm_head_bias": True,
    "num_attention_heads": 16,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 32,
    "num_key_value_heads": 4,
    "num_local_experts": 16,
    "vocab_size": 32064,
}
"""microsoft/Phi-tiny-MoE-instruct; its safetensors hold 3,755,220,288 numbers."""

EXAONE_4 = {
    "model_type": "exaone4",
    "head_dim": 64,
    "hidden_size": 2048,
    "intermediate_size": 4096,
    "num_attention_heads": 32,
    "num_hidden_layers": 30,
    "num_key_value_heads": 8,
    "sliding_window": None,
    "sliding_window_pattern": None,
    "tie_word_embeddings": True,
    "vocab_size": 102400,
}
"""LGAI-EXAONE/EXAONE-4.0-1.2B; its safetensors hold 1,279,391,488 numbers."""

GEMMA_4 = {
    "model_type": "gemma4_text",
    "hidden_size": 2560,
    "hidden_size_per_layer_input": 256,
    "intermediate_size": 10240,
    "num_attention_heads": 8,
    "num_hidden_layers": 42,
    "num_key_value_heads": 2,
    "num_kv_shared_layers": 18,
    "sliding_window": 512,
}
"""The text part of google/gemma-4-E4B."""


@pytest.mark.parametrize(
    ("config", "total"),
    [(OLMO_3, 32_233_522_176), (PHI_TINY_MOE, 3_755_220_288), (EXAONE_4, 1_279_391_488)],
)
def test_published_totals_are_met(config, total):
    assert take(build(config)).parameters == total


def test_glm_5_stores_its_parameters_corrections_and_one_prediction_layer():
    inventory = take(build(GLM_5))
    assert inventory.parameters == 743_911_199_232
    stored = inventory.parameters + inventory.buffers + inventory.mtp_parameters
    assert stored + 256 == 753_864_139_008  # the prediction layer has a router correction too


def test_an_indexer_caches_its_key_beside_the_latent():
    (_, state), *_ = take(build(GLM_5)).states()
    assert state.per_token == 512 + 64 + 128


def test_layers_that_share_an_indexer_have_none_of_their_own():
    own, shared = (take(build({**GLM_5, "index_topk_freq": freq})) for freq in (1, 4))
    weights = 32 * 128 * 2048 + 128 * 6144 + 2 * 128 + 32 * 6144
    assert own.parameters - shared.parameters == 57 * weights


def test_layers_on_earlier_keys_and_values_keep_no_cache():
    groups = [group for group in take(build(GEMMA_4)).groups if group.layers]
    assert {group.label: (group.count, len(group.states)) for group in groups} == {
        "dense, sliding 512 attention": (20, 1),
        "dense, full attention": (4, 1),
        "dense, sliding 512 attention on earlier keys and values": (15, 0),
        "dense, full attention on earlier keys and values": (3, 0),
    }


def test_sharing_more_layers_than_leave_one_of_each_kind_is_refused():
    with pytest.raises(BadField, match="num_kv_shared_layers"):
        build({**GEMMA_4, "num_kv_shared_layers": 41})


def test_keys_that_serve_as_values_are_projected_once_and_cached_twice():
    plain, same = (take(build({**GEMMA_4, "attention_k_eq_v": flag})) for flag in (False, True))
    assert plain.parameters - same.parameters == 4 * 2560 * 2 * 512
    assert list(plain.states()) == list(same.states())


def test_a_list_of_the_wrong_length_names_the_key_and_what_to_set():
    with pytest.raises(BadField, match="mlp_layer_types") as caught:
        build({**GLM_5, "mlp_layer_types": ["dense"]})
    assert "num_hidden_layers" in (caught.value.hint or "")


def test_experts_that_do_nothing_are_counted_as_transformers_allocates_them_and_said_so():
    base = {"model_type": "longcat_flash", "num_layers": 2, "n_routed_experts": 8, "moe_topk": 4}
    with_idle, without = (open_config({**base, "zero_expert_num": count}) for count in (4, 0))
    more = take(interpret(with_idle)).parameters - take(interpret(without)).parameters
    assert more == 2 * 4 * (2 * 2048 * 6144 + 6144)  # gate and up, and a row of the router
    assert [notice.code for notice in with_idle.log.notices] == ["CS117"]
    assert without.log.notices == []


def test_nested_cycles_cache_each_run_of_a_stack_but_store_it_once():
    base = {"model_type": "hrm_text", "num_hidden_layers": 2, "H_cycles": 2, "L_cycles": 3}
    once, cycled = (take(build({**base, "H_cycles": high})) for high in (1, 2))
    assert once.parameters == cycled.parameters
    runs = [sum(count for count, _ in inventory.states()) for inventory in (once, cycled)]
    assert runs == [2 * (3 + 1), 2 * 2 * (3 + 1)]


def test_routed_projections_fire_like_experts():
    inventory = take(build({"model_type": "jetmoe"}))
    chosen = [t for _, t in inventory.tensors() if t.name in {"q.weight", "o.weight"}]
    assert {(t.shape, t.copies, t.active) for t in chosen} == {((2048, 2048), 8, 2)}


def test_a_prompt_in_the_cache_is_constant_state():
    (_, state), *_ = take(build({"model_type": "cpmant"})).states()
    assert state.constant == ((2 * 32 * 32 * 128, None),)


def test_gpt_keeps_no_cache():
    assert list(take(build({"model_type": "openai-gpt"})).states()) == []


def test_a_sparse_layer_caches_its_indexer_key_and_says_so():
    config = {"model_type": "minimax_m3_vl_text", "num_hidden_layers": 2, "num_local_experts": 4}
    spec = build({**config, "sparse_attention_config": {"sparse_attention_freq": [0, 1], "sparse_index_dim": 64}})
    assert [layer.label for layer in spec.main.layers] == ["routed, full attention", "routed, sparse attention"]
    full, sparse = (state.per_token for _, state in take(spec).states())
    assert sparse - full == 64


def test_a_window_pattern_may_be_spelled_in_letters():
    spec = build({**EXAONE_4, "sliding_window": 64, "sliding_window_pattern": "LLLG"})
    labels = [layer.label for layer in spec.main.layers[:4]]
    assert labels == ["dense, sliding 64 attention"] * 3 + ["dense, full attention"]


def test_a_neutral_value_is_read_and_another_stays_a_finding():
    seen, unseen = (open_config({**GLM_5, "moe_layer_freq": freq}) for freq in (1, 2))
    interpret(seen)
    interpret(unseen)
    assert seen.unread() == ()
    assert unseen.unread() == ("moe_layer_freq",)


V4_FLASH = {
    "model_type": "deepseek_v4",
    "compress_ratios": [0, 0, *([4, 128] * 20), 4, 0],
    "hidden_size": 4096,
    "moe_intermediate_size": 2048,
    "n_routed_experts": 256,
    "num_attention_heads": 64,
    "num_experts_per_tok": 6,
    "num_hash_layers": 3,
    "num_hidden_layers": 43,
    "num_nextn_predict_layers": 1,
    "o_groups": 8,
    "o_lora_rank": 1024,
    "q_lora_rank": 1024,
    "vocab_size": 129280,
}
"""deepseek-ai/DeepSeek-V4-Flash, announced with 284 B parameters; transformers 5.23 builds 284,332,230,231."""


def test_deepseek_v4_is_counted_and_its_prediction_layer_is_said_to_be_missing():
    fields = open_config(V4_FLASH)
    assert take(interpret(fields)).parameters == 284_332_230_231
    assert [notice.code for notice in fields.log.notices] == ["CS120"]


def test_compressed_entries_grow_with_the_text_and_the_window_does_not():
    groups = [group for group in take(build(V4_FLASH)).groups if group.layers]
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.label] += group.count
    assert counts == {
        "routed, sliding 128 attention": 2,
        "routed, sliding 128 and sparse 4:1 compressed attention": 21,
        "routed, sliding 128 and 128:1 compressed attention": 20,
    }
    growth = {state.per_token for group in groups for state in group.states if not state.window}
    assert growth == {(512 + 128) // 4, 512 // 128}


def test_an_unknown_compression_is_refused_with_those_that_are_known():
    with pytest.raises(BadField, match="0, 4, 128"):
        build({**V4_FLASH, "compress_ratios": [8] * 43})


def test_hashed_n_grams_have_a_prime_number_of_rows_each():
    config = {"model_type": "qwen4_exp_text", "num_hidden_layers": 2, "ple_layer_ids": [2], "hidden_size": 48}
    config |= {"ngram_size": 2, "heads_per_ngram": 3, "ngram_vocab_size_base": 90}
    spec = build({**config, "layer_types": ["linear_attention"] * 2, "make_ngram_vocab_size_divisible_by": 10})
    (table,) = (t for _, t in take(spec).tensors() if t.name == "ngram.weight")
    assert table.shape == (310, 16)  # 97 + 101 + 103, rounded up to tens


def test_gemma4_layers_are_numbered_with_leading_zeros_too():
    """transformers writes the layers of per_layer_config as "05" where there are ten and more."""
    base = {"model_type": "gemma4_text", "num_hidden_layers": 12}
    plain = build({**base, "per_layer_config": {"5": {"head_dim": 64}}})
    assert build({**base, "per_layer_config": {"05": {"head_dim": 64}}}) == plain
    assert plain != build({**base, "per_layer_config": {}})


def test_phi_4_multimodal_has_its_towers_apart_and_caches_text_only():
    inventory = take(build({"model_type": "phi4_multimodal"}))
    sums = inventory.components()
    assert inventory.parameters == 5_308_268_992  # as transformers 5.23 builds it
    assert {"vision", "audio", "attention", "mlp"} <= set(sums)
    assert [count for count, _ in inventory.states()] == [32]
