"""Qwen2.5-Omni whole (arXiv:2503.20215): the thinker, the talker that speaks in codes, and the codes' way to a wave."""

from __future__ import annotations

from cardscope.archs import interpret
from cardscope.archs._compose import FULL, class_of
from cardscope.archs._read import attention, block, heads, mlp, neutral, width
from cardscope.archs._registry import arch
from cardscope.archs.remote_wrappers import with_towers
from cardscope.errors import BadField
from cardscope.fields import Fields
from cardscope.parts import RMS, Attention, Bag, Layer, Mlp, Part, Spec, Table, Tensor, Tower, linear, project

MAX_BLOCKS = 64
"""Real models have six and fewer."""
IDLE = ("id2label", "label2id", "tie_word_embeddings")
"""What every saved part repeats, and none of these has."""


def sizes(c: Fields, key: str) -> tuple[int, ...]:
    """A short list of sizes. Raises BadField."""
    listed = c.ints(key) or ()
    if not 0 < len(listed) <= MAX_BLOCKS or 0 in listed:
        raise BadField(c.prefix + key, list(listed), f"one to {MAX_BLOCKS} sizes")
    return listed


def wave(name: str, out: int, into: int, kernel: int = 1, *, bias: bool = True) -> list[Tensor]:
    """A convolution over time: (out, into, kernel), and its bias."""
    own = [Tensor(f"{name}.weight", (out, into, kernel), "audio", "other")]
    return [*own, Tensor(f"{name}.bias", (out,), "audio", "bias")] if bias else own


def talker(c: Fields) -> Tower:
    """Qwen2's layers over codes of speech, reading what the thinker embeds; its own cache is not the text's."""
    size, wide, vocab = width(c), c.int("embedding_size"), c.int("vocab_size")
    part = attention(c, qkv_bias=True, o_bias=False, head_dim=c.int("head_dim"))
    c.touch("sliding_window", "use_sliding_window", "max_window_layers", "layer_types", "max_position_embeddings")
    c.touch("position_id_per_seconds", "seconds_per_chunk", "tie_word_embeddings", "spatial_merge_size")
    around = (
        Table(vocab, wide),
        project("from_thinker", size, wide, "audio", bias=True),
        RMS.sized(size).named("final_norm"),
        project("codec_head", vocab, size, "audio"),
    )
    return Tower("talker", (block(part, mlp(c), width=size),) * c.layers(), around, "audio", caches=False)


def speaker_encoder(c: Fields) -> list[Tensor]:
    """ECAPA-TDNN (arXiv:2005.07143): convolutions in groups, squeeze and excitation, pooled by attention."""
    widths, kernels = sizes(c, "enc_channels"), sizes(c, "enc_kernel_sizes")
    if len(kernels) != len(widths) or len(sizes(c, "enc_dilations")) != len(widths):
        raise BadField(c.prefix + "enc_kernel_sizes", list(kernels), f"one for each of {len(widths)} enc_channels")
    scale, narrow, last = c.int("enc_res2net_scale"), c.int("enc_se_channels"), widths[-1]
    found = wave("first", widths[0], c.int("mel_dim"), kernels[0])
    for index in range(1, len(widths) - 1):
        out, piece = widths[index], widths[index] // scale
        found += wave(f"in_{index}", out, widths[index - 1]) + wave(f"out_{index}", out, out)
        for step in range(scale - 1):
            found += wave(f"group_{index}_{step}", piece, piece, kernels[index])
        found += wave(f"squeeze_{index}", narrow, out) + wave(f"excite_{index}", out, narrow)
    seen = c.int("enc_attention_channels")
    found += wave("join", last, last, kernels[-1]) + wave("pool_in", seen, 3 * last) + wave("pool_out", last, seen)
    return found + wave("final", c.int("enc_dim"), 2 * last)


def diffuser(c: Fields) -> Tower:
    """A diffusion transformer (arXiv:2212.09748) from codes to a spectrum, norms modulated by the time step."""
    size, mel, dim = width(c), c.int("mel_dim"), c.int("head_dim")
    if c.int("enc_res2net_scale") > MAX_BLOCKS:
        raise BadField(c.prefix + "enc_res2net_scale", c.int("enc_res2net_scale"), f"at most {MAX_BLOCKS}")
    total = heads(c)
    part = Attention(size, total, total, dim, q_bias=True, k_bias=True, v_bias=True, o_bias=True)
    ffn = Mlp(size, size * c.int("ff_mult"), False, True, True)
    modulated = project("modulation", 6 * size, size, "audio", bias=True)
    coded = c.int("emb_dim")
    reads = mel + c.int("enc_dim") + c.int("enc_emb_dim") + coded
    own = [
        *linear("time_1", size, 256, "audio", bias=True),
        *linear("time_2", size, size, "audio", bias=True),
        *linear("input", size, reads, "audio", bias=True),
        *linear("modulation", 2 * size, size, "audio", bias=True),
        *linear("output", mel, size, "audio", bias=True),
        *speaker_encoder(c),
    ]
    neutral(c, dim=size, heads=total, depth=c.layers(), num_key_value_heads=total)
    c.touch("repeats", "block_size", "look_ahead_layers", "look_backward_layers", "max_position_embeddings")
    c.touch("enc_global_context", "enc_lin_neurons", *IDLE)
    before: tuple[Part, ...] = (Table(c.int("num_embeds") + 1, coded), Bag(tuple(own)))
    return Tower("token2wav", (Layer((part, ffn, modulated)),) * c.layers(), before, "audio", caches=False)


def vocoder(c: Fields) -> Tower:
    """BigVGAN (arXiv:2206.04658): upsampling convolutions, and after each a few blocks with periodic activations."""
    first, rates, steps = (
        c.int("upsample_initial_channel"),
        sizes(c, "upsample_rates"),
        sizes(c, "upsample_kernel_sizes"),
    )
    kernels, spread = sizes(c, "resblock_kernel_sizes"), c.raw("resblock_dilation_sizes")
    if not isinstance(spread, list | tuple) or len(spread) > MAX_BLOCKS:
        raise BadField(c.prefix + "resblock_dilation_sizes", spread, "a list for each kernel size")
    if first >> len(rates) == 0:
        raise BadField(c.prefix + "upsample_initial_channel", first, f"at least {1 << len(rates)}")
    found = wave("first", first, c.int("mel_dim"), 7)
    for index, _ in enumerate(rates):
        out = first >> (index + 1)
        if index < len(steps):
            # Transposed: the weight is (in, out, kernel).
            found.append(Tensor(f"up_{index}.weight", (first >> index, out, steps[index]), "audio", "other"))
            found.append(Tensor(f"up_{index}.bias", (out,), "audio", "bias"))
        for kernel, _ in zip(kernels, spread, strict=False):
            for tensor in (*wave("conv", out, out, kernel), Tensor("snake", (2, out), "audio", "other")):
                found.append(tensor._replace(name=f"block_{index}.{tensor.name}", copies=6, active=6))
    last = first >> len(rates)
    found += [Tensor("snake", (2, last), "audio", "other"), *wave("last", 1, last, 7, bias=False)]
    c.touch("use_bias_at_final", *IDLE)
    return Tower("vocoder", (), (Bag(tuple(found)),), "audio", caches=False)


@arch("qwen2_5_omni")
def qwen2_5_omni(c: Fields) -> Spec:
    """Qwen2.5-Omni: understands as the thinker does, and speaks through a talker where `enable_audio_output` is set."""
    class_of(c, (FULL,), also={"Qwen2_5OmniModel": FULL})
    thinker = c.sub("thinker_config")
    thinker.impose(architectures=["Qwen2_5OmniThinkerForConditionalGeneration"])
    spec = interpret(thinker)
    seen = thinker.sub("vision_config")
    neutral(seen, embed_dim=width(seen))
    for each in (seen, thinker.sub("audio_config")):
        each.touch(*IDLE)
    c.touch("tie_word_embeddings", "enable_talker", "enable_audio_output_")
    if not c.flag("enable_audio_output", fallback=True):
        c.touch("talker_config", "token2wav_config")
        return with_towers(c, spec)
    speech = c.sub("token2wav_config")
    return with_towers(
        c,
        spec,
        talker(c.sub("talker_config")),
        diffuser(speech.sub("dit_config")),
        vocoder(speech.sub("bigvgan_config")),
    )
