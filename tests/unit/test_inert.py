"""The list of inert keys, as a list."""

from __future__ import annotations

from importlib.resources import files

import pytest

from cardscope.inert import is_inert


def lines() -> list[str]:
    text = files("cardscope.data").joinpath("inert_keys.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_no_key_stands_twice():
    assert len(set(lines())) == len(lines())


@pytest.mark.parametrize("line", lines())
def test_a_line_is_one_word_with_at_most_one_star_at_an_end(line):
    assert line == line.strip()
    assert " " not in line
    assert "*" not in line.strip("*")
    assert line.count("*") <= 1


@pytest.mark.parametrize(
    "key",
    [
        "sliding_window",
        "layer_types",
        "max_window_layers",
        "use_sliding_window",
        "attention_chunk_size",
        "max_position_embeddings",
        "no_rope_layers",
        "no_rope_layer_interval",
        "num_kv_shared_layers",
        "num_experts_per_tok",
        "moe_topk",
        "time_step_rank",
        "head_dim",
        "is_decoder",
        "num_labels",
        "id2label",
    ],
)
def test_a_key_that_shapes_cache_active_count_or_head_is_not_listed(key):
    assert not is_inert(key)


def test_an_ending_covers_every_token_id():
    assert is_inert("boi_token_id")


def test_a_key_of_one_type_is_inert_for_that_type_only():
    assert is_inert("summary_use_proj", "gpt2")
    assert not is_inert("summary_use_proj", "xlnet")
