"""What `cardscope card` writes: a block of specification that its own reading verifies, and metadata."""

import json

import pytest
import yaml
from huggingface_hub import ModelCard

import cardscope
from cardscope.carding.answer import analyse
from cardscope.carding.metadata import split
from cardscope.carding.write import block, metadata
from cardscope.cli import run
from cardscope.model import RawConfig
from tests import facts

MIXTRAL = facts.llama(4096, 32, 32, 8, 14_336, 32_000, 32_768) | {
    "architectures": ["MixtralForCausalLM"],
    "model_type": "mixtral",
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
}


@pytest.mark.parametrize("config", [facts.LLAMA3_8B, facts.GPT2, MIXTRAL], ids=["llama", "gpt2", "mixtral"])
def test_the_block_is_read_back_and_nothing_in_it_is_wrong(config):
    report = cardscope.inspect(config, exact=False, headers=False)
    found = analyse(block(report), RawConfig(data=config, id="org/model", source="hub"), report, "README.md")
    assert found.wrong == ()
    assert found.unstated == () or {kind for kind, _, _ in found.unstated} == {"dtype"}
    assert found.checked >= 9


def test_the_block_names_the_key_behind_a_figure():
    text = block(cardscope.inspect(facts.LLAMA3_8B, exact=False, headers=False))
    assert "| KV heads | 8 | `config.json: num_key_value_heads` |" in text
    assert "| Parameters | 8,030,261,248 (8.03 B) |" in text


def loaded(text):
    """The block as YAML."""
    return yaml.safe_load(text.strip().strip("-"))


def test_metadata_keep_what_is_right_and_correct_what_is_not():
    stated = {"license": "Apache 2.0", "language": ["English", False], "tags": ["x"], "base_model": "org/base"}
    found = loaded(metadata(stated, RawConfig(data=facts.LLAMA3_8B, id="org/m", source="hub")))
    assert found == {
        "license": "apache-2.0",
        "language": ["en", "no"],
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "base_model": "org/base",
        "tags": ["x"],
    }


def test_what_nothing_tells_is_a_comment_to_fill_in():
    text = metadata({}, RawConfig(data={}, id="org/m", source="hub"))
    assert "# license:" in text
    assert "# library_name:" in text
    assert split(text + "\n# A card\n")[0].error is None


def test_metadata_are_what_huggingface_hub_reads():
    text = metadata({"license": "mit"}, RawConfig(data=facts.LLAMA3_8B, id="org/m", source="hub"))
    assert ModelCard(text + "\n# A card\n").data.to_dict()["library_name"] == "transformers"


@pytest.fixture
def folder(tmp_path):
    """A folder with a config and no card."""
    (tmp_path / "config.json").write_text(json.dumps(facts.LLAMA3_8B))
    return tmp_path


def test_block_and_metadata_need_no_card(folder, capsys):
    assert run(["card", str(folder), "--block"]) == 0
    assert "| Layers | 32 |" in capsys.readouterr().out
    assert run(["card", str(folder), "--metadata"]) == 0
    assert "library_name: transformers" in capsys.readouterr().out


def test_metadata_of_a_card_alone(tmp_path, capsys):
    (tmp_path / "README.md").write_text("---\nlicense: MIT\n---\n")
    assert run(["card", str(tmp_path / "README.md"), "--metadata"]) == 0
    assert "license: mit" in capsys.readouterr().out


def test_the_block_goes_to_a_file(folder):
    assert run(["card", str(folder), "--block", "-o", str(folder / "block.md")]) == 0
    assert (folder / "block.md").read_text().startswith("## Model specification")


@pytest.mark.parametrize("words", [["--block", "--metadata"], ["--block", "--json"], ["--metadata", "--check", "x.md"]])
def test_words_that_do_not_fit_together_are_exit_2(folder, words, capsys):
    assert run(["card", str(folder), *words]) == 2
    assert "--block and --metadata" in capsys.readouterr().err
