"""What eager attention holds for each score, measured on fake tensors."""

from __future__ import annotations

from typing import Any

import pytest

from cardscope.fitting.engines.transformers import EAGER

pytestmark = pytest.mark.exact

LLAMA = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_key_value_heads": 2,
         "vocab_size": 1000, "head_dim": 32}  # fmt: skip


@pytest.mark.parametrize(("size", "heads"), [(2, 8), (2, 16), (4, 8), (4, 16)])
def test_bytes_of_a_score_under_eager_attention(size, heads):
    """The part of the peak that grows with the square of the prompt: so many bytes a head, and the mask once."""
    short, long = (_peak(n, size, heads) for n in (2048, 4096))
    square = (long - 2 * short) / (2 * 2048**2)
    assert square == pytest.approx(EAGER[size] * heads + size, rel=0.02)


def _peak(tokens: int, size: int, heads: int) -> int:
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode
    from transformers import AutoModelForCausalLM, LlamaConfig

    from tests.oracle.live_bytes import Live

    dtype: Any = torch.bfloat16 if size == 2 else torch.float32
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        config = LlamaConfig(num_attention_heads=heads, **LLAMA)
        model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="eager").eval()
        live = Live()
        for tensor in (*model.parameters(), *model.buffers()):
            live.hold(tensor)
        ids = torch.randint(0, 10, (1, tokens))
        with live:
            model(input_ids=ids, logits_to_keep=1)
    return live.peak
