"""Remote-code types against published totals; each fact names where it was published."""

import pytest

from cardscope.archs import build
from cardscope.errors import CardscopeError
from cardscope.inventory import take

LLAMA_LIKE = {"tie_word_embeddings": False}
CASES = {
    # safetensors total of LGAI-EXAONE/EXAONE-3.5-2.4B-Instruct
    "exaone tied": (
        {
            "model_type": "exaone", "hidden_size": 2560, "num_layers": 30, "num_attention_heads": 32,
            "num_key_value_heads": 8, "intermediate_size": 7168, "vocab_size": 102400, "tie_word_embeddings": True,
        },
        2_405_327_360,
    ),
    # safetensors total of LGAI-EXAONE/EXAONE-3.5-32B-Instruct
    "exaone": (
        {
            "model_type": "exaone", "hidden_size": 5120, "num_layers": 64, "num_attention_heads": 40,
            "num_key_value_heads": 8, "intermediate_size": 27392, "vocab_size": 102400, "tie_word_embeddings": False,
        },
        32_003_200_000,
    ),
    # safetensors total of inclusionAI/Ling-lite
    "bailing": (
        {
            "model_type": "bailing_moe", "hidden_size": 2048, "num_hidden_layers": 28, "num_attention_heads": 16,
            "num_key_value_heads": 4, "head_dim": 128, "moe_intermediate_size": 1408, "intermediate_size": 5632,
            "num_experts": 64, "num_shared_experts": 2, "num_experts_per_tok": 6, "vocab_size": 126464,
            "first_k_dense_replace": 0, "tie_word_embeddings": False,
        },
        16_801_974_272,
    ),
    # safetensors total of internlm/internlm2-chat-20b
    "internlm2": (
        {
            "model_type": "internlm2", "bias": False, "hidden_size": 6144, "num_hidden_layers": 48,
            "num_attention_heads": 48, "num_key_value_heads": 8, "intermediate_size": 16384, "vocab_size": 92544,
            "tie_word_embeddings": False,
        },
        19_861_149_696,
    ),
    # Qwen-1.8B has the layers and the count of Qwen1.5-1.8B: 1,836,828,672
    "qwen": (
        {
            "model_type": "qwen", "hidden_size": 2048, "intermediate_size": 11008, "kv_channels": 128, "no_bias": True,
            "num_attention_heads": 16, "num_hidden_layers": 24, "vocab_size": 151936, "seq_length": 8192,
            "tie_word_embeddings": False,
        },
        1_836_828_672,
    ),
    # deepseek-ai/deepseek-moe-16b-base: 16,375,728,128
    "deepseek": (
        {
            "model_type": "deepseek", "hidden_size": 2048, "intermediate_size": 10944, "moe_intermediate_size": 1408,
            "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 16, "n_shared_experts": 2,
            "n_routed_experts": 64, "num_experts_per_tok": 6, "first_k_dense_replace": 1, "vocab_size": 102400,
            "tie_word_embeddings": False,
        },
        16_375_728_128,
    ),
    # zai-org/glm-4-9b: 9,399,951,392 stored, of which 32 rotary frequencies; transformers' glm gives the same count
    "chatglm": (
        {
            "model_type": "chatglm", "hidden_size": 4096, "ffn_hidden_size": 13696, "kv_channels": 128,
            "multi_query_attention": True, "multi_query_group_num": 2, "num_attention_heads": 32, "num_layers": 40,
            "padded_vocab_size": 151552, "add_qkv_bias": True, "add_bias_linear": False, "rmsnorm": True,
            "post_layer_norm": True, "seq_length": 8192, "tie_word_embeddings": False,
            "architectures": ["ChatGLMModel"],
        },
        9_399_951_360,
    ),
    # baichuan-inc/Baichuan2-7B-Base: 7,505,973,248
    "baichuan": (
        {
            "model_type": "baichuan", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
            "num_attention_heads": 32, "vocab_size": 125696, "tie_word_embeddings": False,
        },
        7_505_973_248,
    ),
    # index total_size of microsoft/phi-2's first revision: 11,118,735,360 bytes of fp32
    "phi-msft": (
        {
            "model_type": "phi-msft", "n_embd": 2560, "n_layer": 32, "n_head": 32, "n_positions": 2048,
            "vocab_size": 51200,
        },
        2_779_683_840,
    ),
    # safetensors total of tiiuae/falcon-40b: 41,835,970,560, of which 532,676,608 are its tied head stored again
    "RefinedWeb": (
        {
            "model_type": "RefinedWeb", "hidden_size": 8192, "n_head": 128, "n_head_kv": 8, "n_layer": 60,
            "parallel_attn": True, "bias": False, "alibi": False, "vocab_size": 65024,
        },
        41_303_293_952,
    ),
    # safetensors total of microsoft/Phi-3-small-8k-instruct: 7,392,274,432, of which 32 x 64 rotary frequencies
    "phi3small": (
        {
            "model_type": "phi3small", "hidden_size": 4096, "ff_intermediate_size": 14336, "num_attention_heads": 32,
            "num_key_value_heads": 8, "num_hidden_layers": 32, "vocab_size": 100352, "max_position_embeddings": 8192,
        },
        7_392_272_384,
    ),
    # index total_size of OpenAssistant/oasst-rm-2.1-pythia-1.4b-epoch-2.5: 5,246,377,988 bytes of fp32
    "reward": (
        {
            "model_type": "gpt_neox_reward_model", "hidden_size": 2048, "intermediate_size": 8192,
            "num_attention_heads": 16, "num_hidden_layers": 24, "vocab_size": 50288, "attention_bias": True,
        },
        1_311_594_497,
    ),
    # index total_size of MiniMaxAI/MiniMax-M1-80k: 912,210,767,872 bytes, bf16 but for the routers' fp32
    "minimax_m1": (
        {
            "model_type": "minimax_m1", "hidden_size": 6144, "intermediate_size": 9216, "num_attention_heads": 64,
            "num_key_value_heads": 8, "head_dim": 128, "num_hidden_layers": 80, "num_local_experts": 32,
            "num_experts_per_tok": 2, "vocab_size": 200064, "tie_word_embeddings": False,
            "attn_type_list": ([0] * 7 + [1]) * 10,
        },
        456_089_655_296,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_declaration_gives_the_published_total(name):
    """Parameters as published, less what the comment names."""
    config, total = CASES[name]
    assert take(build(config)).parameters == total


def test_chatglm_stores_its_rotary_frequencies():
    """zai-org/glm-4-9b stores 9,399,951,392 numbers: the parameters and 32 frequencies."""
    found = take(build(CASES["chatglm"][0]))
    assert found.parameters + found.buffers == 9_399_951_392


def test_mimo_keeps_its_prediction_layer_apart():
    """XiaomiMiMo/MiMo-7B-Base stores 7,833,409,536 numbers: the main model and one extra prediction layer."""
    config = {
        "model_type": "mimo", "num_hidden_layers": 36, "hidden_size": 4096, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 11008, "vocab_size": 151680,
        "attention_bias": True, "num_nextn_predict_layers": 1, "tie_word_embeddings": False,
        "use_sliding_window": False, "sliding_window": 32768, "max_window_layers": 32,
    }  # fmt: skip
    found = take(build(config))
    assert found.parameters + found.mtp_parameters == 7_833_409_536
    assert found.mtp_parameters == 210_790_400


def test_nemotron_nas_reads_each_block():
    """A block without attention keeps no cache; a block's MLP width follows ffn_mult in steps of 256."""
    ffn = {"ffn_mult": 2.625, "no_op": False, "replace_with_linear": False}
    blocks = [
        {"attention": {"n_heads_in_group": 8, "no_op": False, "replace_with_linear": False}, "ffn": ffn},
        {"attention": {"no_op": True, "n_heads_in_group": None, "replace_with_linear": False}, "ffn": ffn},
    ]
    config = {
        "model_type": "nemotron-nas", "hidden_size": 8192, "num_attention_heads": 64, "num_hidden_layers": 2,
        "vocab_size": 1024, "block_configs": blocks, "tie_word_embeddings": False,
    }  # fmt: skip
    found = take(build(config))
    mlp = 3 * 8192 * 14336
    attention = 2 * 8192 * 8192 + 2 * 1024 * 8192
    assert found.parameters == 2 * mlp + attention + 3 * 8192 + 8192 + 2 * 1024 * 8192
    assert sum(count for count, _ in found.states()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"block_configs": None},
        {"block_configs": [{}]},
        {"block_configs": [{"attention": 3}] * 2},
        {"block_configs": [[]] * 2},
    ],
)
def test_hostile_blocks_are_one_error(change):
    """Lists of the wrong length or kind are refused with a sentence."""
    config = {
        "model_type": "nemotron-nas", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2,
        "vocab_size": 8,
    }  # fmt: skip
    with pytest.raises(CardscopeError):
        build({**config, **change})
