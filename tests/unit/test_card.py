"""`cardscope card`: the seed card read whole, what counts as this model's, verdicts, and the command."""

import json

import pytest

import cardscope
from cardscope.carding.answer import analyse
from cardscope.carding.model import KINDS
from cardscope.cli import run
from cardscope.model import RawConfig
from cardscope.report.lines import WIDTH, columns, plain
from tests import facts

LLAMA3_70B = facts.llama(8192, 80, 64, 8, 28672, 128_256, 8192)
SEED = {
    "parameters": 70_600_000_000,
    "hidden_size": 8192,
    "intermediate_size": 28_672,
    "num_layers": 80,
    "num_heads": 64,
    "num_kv_heads": 8,
    "vocab_size": 128_256,
    "context_length": 8192,
    "training_tokens": 15_000_000_000_000,
}
PROSE = """# Meta Llama 3 70B

This model has 70.6B parameters in 80 layers with a hidden size of 8192 and an intermediate size of 28672.
It uses 64 attention heads and 8 KV heads (grouped-query attention), a vocabulary of 128,256 tokens and a context length
of 8,192 tokens. It was trained on 15T tokens.
"""
TABLE = """# Specification

| Property | Value |
|---|---|
| Parameters | 70.6B |
| Hidden size | 8192 |
| Intermediate size | 28672 |
| Layers | 80 |
| Attention heads | 64 |
| KV heads | 8 |
| Vocabulary | 128,256 |
| Context length | 8,192 |
| Training tokens | 15T |
| Attention | GQA |
"""
BLOCK = """# Meta Llama 3 70B

```yaml
parameters: 70.6B
hidden_size: 8192
intermediate_size: 28672
num_hidden_layers: 80
num_attention_heads: 64
num_key_value_heads: 8
vocab_size: 128256
max_position_embeddings: 8192
training_tokens: 15T
attention: grouped-query attention
```
"""


def answer(text, config=LLAMA3_70B, name="meta-llama/Meta-Llama-3-70B"):
    """The card's text beside a config, as if the Hub had given both."""
    raw = RawConfig(data=config, id=name, source="hub")
    return analyse(text, raw, cardscope.inspect(config, exact=False, headers=False), "README.md")


def said(found, place=None):
    """Kind → value of the claims made outside of the name."""
    return {item.claim.kind: item.claim.said.value for item in found.claims if item.claim.where != "name"}


@pytest.mark.parametrize("text", [PROSE, TABLE, BLOCK], ids=["prose", "table", "block"])
def test_the_seed_card_is_read_whole_and_verified(text):
    found = answer(text)
    assert said(found) == {**SEED, "attention": "gqa"}
    assert [item.claim.kind for item in found.claims if item.verdict != "agrees"] == ["training_tokens"]
    assert found.wrong == ()


def test_the_seed_card_s_tokens_are_set_beside_chinchilla():
    found = answer(PROSE)
    assert "15T tokens on 70.55 B: 212.6 tokens per parameter, 10.6× Chinchilla's 20" in found.implications
    assert any(
        "8 KV heads of 64: grouped-query attention, the KV cache 8× smaller" in text for text in found.implications
    )
    assert any("8,192 tokens of context take 2.50 GiB" in text for text in found.implications)


def test_every_wrong_figure_of_a_table_is_found():
    wrong = (
        TABLE.replace("70.6B", "72B")
        .replace("8192 |", "8,448 |")
        .replace("28672", "28,000")
        .replace("| 80 |", "| 79 |")
    )
    wrong = (
        wrong.replace("| 64 |", "| 60 |")
        .replace("| 8 |", "| 16 |")
        .replace("128,256", "140,000")
        .replace("8,192 |", "16,384 |")
    )
    assert {item.claim.kind for item in answer(wrong).wrong} == set(SEED) - {"training_tokens"}


def test_a_claim_keeps_its_quote_and_line():
    found = answer(TABLE)
    layers = next(item.claim for item in found.claims if item.claim.kind == "num_layers")
    assert (layers.quote, layers.line, layers.where) == ("Layers | 80", 8, "table")


@pytest.mark.parametrize(
    "text",
    [
        "It outperforms Mistral 7B, which has 32 layers and a hidden size of 4096.",
        "## Evaluation\n\nGPT-2 XL has 48 layers and a vocabulary of 50,257 tokens.",
        "| Model | Layers | MMLU |\n|---|---|---|\n| Falcon-40B | 60 | 55.4 |\n| Qwen-72B | 80 | 77.4 |",
        "Compared with the 8B model, whose 32 layers are smaller, quality improves.",
        "```python\nmodel = load(hidden_size=4096, num_layers=32)\n```",
        "## Citation\n\n```\n@article{x, title={A 7B parameter model with 32 layers}}\n```",
        "The model family comes in sizes from 8B to 405B parameters.",
        "Released in 2024; 3 shards, 12 authors and 5 tables.",
        "The vision encoder has 27 layers and a hidden size of 1152.",
        "A LoRA adapter with 41M trainable parameters was trained on 16 layers.",
        "The answers were reviewed by 12 experts, and 8 experts wrote the questions.",
        "It was evaluated with a context of 128K tokens, and the KV cache of 8 layers takes 2 GB.",
        "Our API has a context window of 200K tokens for enterprise users.",
        "## Training hyperparameters\n\n- Sequence length: 32768\n- Layers: 8",
        "Speculation uses 5 heads, and the dataset has 1.2M samples.",
    ],
)
def test_what_is_said_of_others_is_no_claim(text):
    assert said(answer(f"# Model\n\n{text}\n")) == {}


def test_a_family_s_row_is_picked_by_the_repository_s_name():
    table = "| Model | Params | Layers | Context |\n|---|---|---|---|\n| Llama 3 8B | 8B | 32 | 8K |\n"
    table += "| Llama 3 70B | 70B | 80 | 8K |"
    assert said(answer(table)) == {"parameters": 70e9, "num_layers": 80, "context_length": 8000}


def test_a_family_s_column_is_picked_by_the_repository_s_name():
    table = "| | Llama-3-8B | Llama-3-70B |\n|---|---|---|\n| Layers | 32 | 80 |\n| Hidden size | 4096 | 8192 |"
    assert said(answer(table)) == {"num_layers": 80, "hidden_size": 8192}


def test_the_name_is_a_claim():
    assert [(item.claim.kind, item.verdict) for item in answer("# Model\n").claims] == [("parameters", "agrees")]
    [claim] = answer("# Model\n", name="org/Meta-Llama-3-8B").claims
    assert claim.verdict == "disagrees"


def test_what_the_card_leaves_out_is_told():
    unstated = {kind: value for kind, value, _ in answer("# Model\n").unstated}
    assert unstated["num_kv_heads"] == 8
    assert unstated["parameters"] == 70_553_706_496


def test_without_a_config_nothing_is_judged():
    found = analyse(TABLE, None, None, "README.md")
    assert {item.verdict for item in found.claims} == {"cannot be checked"}
    assert found.wrong == ()


def test_lines_fit_eighty_columns_and_json_names_every_claim():
    found = answer(PROSE + TABLE)
    assert max(columns(row) for row in plain(lines(found)).splitlines()) <= WIDTH
    data = json.loads(json.dumps(found.to_dict()))
    assert data["headline"]["found"] == len(data["claims"]) == len(found.claims)
    assert {item["kind"] for item in data["claims"]} <= set(KINDS)


def lines(found):
    """The rendered lines."""
    from cardscope.carding.render import lines as rendered

    return rendered(found)


@pytest.fixture
def folder(tmp_path):
    """A folder with a config and a card."""
    (tmp_path / "config.json").write_text(json.dumps(LLAMA3_70B))
    (tmp_path / "README.md").write_text(TABLE)
    return tmp_path


def test_check_exits_1_on_a_wrong_claim_only(folder, capsys):
    card = folder / "README.md"
    assert run(["card", str(folder), "--check", str(card)]) == 0
    card.write_text(TABLE.replace("| 80 |", "| 81 |"))
    assert run(["card", str(folder), "--check", str(card)]) == 1
    assert "off by +1" in capsys.readouterr().out


def test_without_check_a_wrong_claim_is_no_failure(folder):
    (folder / "README.md").write_text(TABLE.replace("| 80 |", "| 81 |"))
    assert run(["card", str(folder)]) == 0


def test_a_card_alone_is_held_against_the_config_beside_it(folder, capsys):
    assert run(["card", str(folder / "README.md"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["headline"]["checked"] == 9


def test_a_missing_card_is_exit_2(folder, capsys):
    (folder / "README.md").unlink()
    assert run(["card", str(folder)]) == 2
    assert "README.md" in capsys.readouterr().err


def test_a_tokenizer_in_the_folder_settles_a_padded_vocabulary(folder):
    (folder / "README.md").write_text("- Vocabulary: 128,000\n- Vocabulary size: 128,011\n")
    judged = {item.claim.said.value: item.verdict for item in cardscope.card(folder).claims}
    assert judged[128_011] == "ambiguous"
    tokens = {
        "model": {"vocab": {str(n): n for n in range(128_000)}},
        "added_tokens": [{"content": f"<{n}>"} for n in range(11)],
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokens))
    found = {item.claim.said.value: item for item in cardscope.card(folder).claims}
    assert (found[128_011].verdict, found[128_011].witness) == ("agrees", "tokenizer.json")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": 1}', '{"model": {"vocab": {}}}', "[" * 10_000])
def test_a_tokenizer_that_cannot_be_read_is_no_witness(folder, content):
    (folder / "tokenizer.json").write_text(content)
    (folder / "tokenizer_config.json").write_text(content)
    assert cardscope.card(folder).wrong == ()


def test_a_tokenizer_s_own_limit_is_a_witness_of_the_context(folder):
    (folder / "README.md").write_text("- Context length: 16,384\n")
    assert len(cardscope.card(folder).wrong) == 1
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 16384}')
    (claim,) = cardscope.card(folder).claims
    assert (claim.verdict, claim.witness) == ("agrees", "tokenizer_config.json")


def test_offline_a_card_that_is_not_cached_is_exit_2_and_says_why(capsys, hf_cache):
    assert run(["card", "openai-community/gpt2", "--offline"]) == 2
    said = capsys.readouterr().err
    assert "not at hand: offline" in said
    assert "--check README.md" in said
