"""The audit without a network: what it reads, the row each model gets, what is written, and going on after an end."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest

import cardscope
from cardscope.auditing import analyse
from cardscope.auditing.inputs import Columns, file, lines, once, words
from cardscope.auditing.rows import COLUMNS, from_dict
from cardscope.cli import run
from cardscope.errors import UsageError
from tests import facts

LLAMA, GPT2 = facts.LLAMA3_8B, facts.GPT2
KEYS = (
    "id", "status", "error", "revision", "model_type", "architecture", "parameters", "active", "witness", "confidence",
    "dtype", "quantization", "weight_bytes", "kv_per_token_bytes", "context", "attention", "license", "findings",
)  # fmt: skip


@pytest.fixture
def audit(capsys):
    """Runs the command in this process: exit code, standard output, standard error."""

    def call(*given: str) -> tuple[int, str, str]:
        code = run(["audit", *given, "--offline"])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def jsonl(path, *rows) -> str:
    """Rows as a file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def read(path):
    """The rows of a result."""
    return [json.loads(line) for line in path.read_text().splitlines()]


# -- what is read ------------------------------------------------------------------------------------------


def names(text: str) -> list[str]:
    """The ids of a text, one a line."""
    return [item.id for item in lines(io.BytesIO(text.encode()), "list", Columns())]


def test_a_list_has_comments_and_blank_lines():
    assert names("# all of them\n\ngpt2\n  org/name  # the second\n") == ["gpt2", "org/name"]


def test_a_list_may_hold_json_strings_and_objects():
    assert names('"gpt2"\n{"modelId": "org/a"}\n') == ["gpt2", "org/a"]


def test_a_line_that_is_not_json_is_an_item_of_its_own():
    (item,) = lines(io.BytesIO(b"{broken\n"), "list", Columns())
    assert (item.id, item.error.kind) == ("list:1", "not_a_config")


def test_a_row_that_carries_its_config_needs_no_source():
    (item,) = lines(io.BytesIO(json.dumps({"id": "a/b", "config": GPT2}).encode()), "list", Columns())
    assert item.raw.data == GPT2


def test_a_config_may_be_text_inside_its_row():
    (item,) = lines(io.BytesIO(json.dumps({"id": "a/b", "config": json.dumps(GPT2)}).encode()), "list", Columns())
    assert item.raw.data == GPT2


def test_a_line_that_is_a_config_is_named_by_its_place():
    (item,) = lines(io.BytesIO(json.dumps(GPT2).encode()), "list", Columns())
    assert (item.id, item.raw.data["n_layer"]) == ("list:1", 12)


def test_a_csv_file_has_its_ids_in_a_column(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text('# made by hand\nrank,model_id\n1,gpt2\n\n2,"org/b"\n')
    assert [item.id for item in file(str(path), Columns())] == ["gpt2", "org/b"]


def test_a_csv_file_without_ids_is_refused(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text("rank,weight\n1,2\n")
    with pytest.raises(UsageError, match="no column"):
        list(file(str(path), Columns()))


def test_the_column_of_ids_can_be_named(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text("id,base\n1,gpt2\n")
    assert [item.id for item in file(str(path), Columns("base"))] == ["gpt2"]


def test_a_folder_of_models_is_walked_in_order(tmp_path):
    for name in ("b", "a/deep"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text(json.dumps(GPT2))
    assert [item.id for item in words([str(tmp_path)])] == [f"{tmp_path}/a/deep", f"{tmp_path}/b"]


def test_duplicates_are_audited_once():
    assert [item.id for item in once(words(["gpt2", "org/x", "gpt2"]))] == ["gpt2", "org/x"]


def test_parquet_rows_carry_configs(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = arrow.Table.from_pylist([{"modelId": "a/b", "config": GPT2}, {"modelId": "c/d", "config": LLAMA}])
    parquet.write_table(table, tmp_path / "dump.parquet")
    first, second = file(str(tmp_path / "dump.parquet"), Columns())
    assert (first.id, first.raw.data, second.raw.data["num_key_value_heads"]) == ("a/b", GPT2, 8)


def test_standard_input_is_a_list(audit, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"nanochat:d20\n")))
    code, out, _ = audit("-", "--json")
    assert (code, json.loads(out)["parameters"]) == (0, 560_988_160)


# -- one row a model ---------------------------------------------------------------------------------------


def test_a_row_has_the_keys_of_the_contract():
    (row,) = cardscope.audit([LLAMA])
    assert tuple(row.to_dict()) == KEYS == COLUMNS


def test_the_figures_are_those_of_the_report():
    (row,) = cardscope.audit([LLAMA])
    assert (row.status, row.parameters, row.weight_bytes, row.kv_per_token_bytes) == (
        "ok", 8_030_261_248, 16_060_522_496, 131_072,
    )  # fmt: skip
    assert (row["context"], row["attention"], row["dtype"], row["witness"]) == (8192, "gqa", "bfloat16", "analytic")


@pytest.mark.parametrize("name", ["LLAMA3_8B", "DEEPSEEK_V3", "GEMMA3_27B", "JAMBA_MINI"])
def test_the_lean_path_says_what_the_report_says(name):
    config = getattr(facts, name)
    report = cardscope.inspect(config, exact=False, headers=False)
    (row,) = cardscope.audit([config])
    said = (row.parameters, row.active, row.weight_bytes, row.dtype, row.kv_per_token_bytes, row.findings)
    head = report.headline
    assert said == (head.total, head.active, head.bytes, head.dtype, report.kv_cache.per_token_bytes, report.findings)


def test_rows_come_in_the_order_given():
    assert [row.model_type for row in cardscope.audit([GPT2, LLAMA, GPT2])] == ["gpt2", "llama", "gpt2"]


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"model_type": "no_such_type", "hidden_size": 8}, "not_modelled"),
        ({"tokenizer_class": "x"}, "not_a_config"),
        ({**LLAMA, "num_key_value_heads": 7}, "not_a_config"),
        ({"model_type": "llama", "x": [[[0]]] * 400_000}, "too_large"),
    ],
)
def test_what_cannot_be_counted_is_a_row_with_its_kind(config, kind):
    (row,) = cardscope.audit([config])
    assert (row.status, row.error.kind, row.parameters) == ("error", kind, None)


def test_an_unexpected_exception_is_a_row_and_the_run_goes_on(monkeypatch):
    def broken(raw, **options):
        if raw.data["model_type"] == "gpt2":
            raise ZeroDivisionError("why")
        return real(raw, **options)

    real = analyse.assemble
    monkeypatch.setattr(analyse, "assemble", broken)
    first, second = cardscope.audit([GPT2, LLAMA])
    assert (first.error.kind, first.error.message, second.status) == ("internal", "ZeroDivisionError: why", "ok")


def test_a_row_read_back_is_the_same():
    for row in cardscope.audit([LLAMA, {"model_type": "nothing"}]):
        assert from_dict(json.loads(json.dumps(row.to_dict()))) == row


def test_an_identical_config_is_analysed_once():
    analyst = analyse.Analyst()
    rows = [analyst.row(name, cardscope.auditing.inputs.RawConfig(GPT2, name, "file")) for name in ("a", "b")]
    assert ([row.id for row in rows], analyst.repeated) == (["a", "b"], 1)


# -- what is written ---------------------------------------------------------------------------------------


def test_a_file_holds_one_line_a_model_in_order(audit, tmp_path):
    given = jsonl(tmp_path / "in.jsonl", {"id": "b", "config": LLAMA}, {"id": "a", "config": {}})
    code, out, _ = audit("--from", given, "-o", str(tmp_path / "out.jsonl"))
    assert (code, out) == (0, "")
    assert [(row["id"], row["status"]) for row in read(tmp_path / "out.jsonl")] == [("b", "ok"), ("a", "error")]
    assert not (tmp_path / "out.jsonl.journal").exists()


def test_csv_is_flat(audit, tmp_path):
    given = jsonl(tmp_path / "in.jsonl", {"id": "=1+1", "config": GPT2}, {"id": "a", "config": {}})
    audit("--from", given, "-o", str(tmp_path / "out.csv"))
    first, second = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    assert (first["id"], first["parameters"], first["findings"]) == ("'=1+1", "124439808", "CS114")
    assert second["error_kind"] == "not_a_config"


def test_markdown_cannot_be_broken_by_an_id(audit, tmp_path):
    given = jsonl(tmp_path / "in.jsonl", {"id": "a|b", "config": GPT2})
    audit("--from", given, "-o", str(tmp_path / "out.md"))
    assert (tmp_path / "out.md").read_text().splitlines()[2].startswith("| a\\|b | 124M |")


def test_parquet_holds_figures_as_integers(audit, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    given = jsonl(tmp_path / "in.jsonl", {"id": "a", "config": GPT2}, {"id": "b", "config": {}})
    audit("--from", given, "-o", str(tmp_path / "out.parquet"))
    first, second = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert (first["parameters"], first["findings"][0]["code"]) == (124_439_808, "CS114")
    assert second["error"]["kind"] == "not_a_config"


def test_the_table_fits_eighty_columns(audit, tmp_path):
    given = jsonl(tmp_path / "in.jsonl", {"id": "x" * 200, "config": GPT2}, {"id": "b\x1b[31m" * 20, "config": {}})
    code, out, _ = audit("--from", given)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out


def test_a_form_that_no_suffix_names_is_refused_before_the_work(audit, tmp_path):
    code, _, err = audit("gpt2", "-o", str(tmp_path / "out.xyz"))
    assert (code, err.startswith("Error: ")) == (2, True)


def test_an_input_that_is_not_there_is_refused(audit, tmp_path):
    assert audit("--from", str(tmp_path / "none.txt"))[0] == 2


def test_no_input_is_refused(audit):
    assert audit()[0] == 2


# -- exit codes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 0),
        (("--fail-on", "info"), 1),
        (("--fail-on", "warning"), 0),
        (("--fail-on", "CS114"), 1),
        (("--fail-on", "info", "--ignore", "CS114"), 0),
        (("--fail-on", "info", "--select", "CS2"), 0),
        (("--fail-on", "CS999"), 2),
    ],
)
def test_the_exit_code_follows_the_findings(audit, tmp_path, words, code):
    given = jsonl(tmp_path / "in.jsonl", {"id": "a", "config": GPT2})
    assert audit("--from", given, *words)[0] == code


def test_an_internal_row_is_exit_two(audit, monkeypatch):
    def broken(raw, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(analyse, "assemble", broken)
    code, _, err = audit("nanochat:d20")
    assert (code, "internal 1" in err) == (2, True)


# -- going on ----------------------------------------------------------------------------------------------


def test_a_run_goes_on_from_its_journal(audit, tmp_path):
    """Rows that are in the journal are taken as they are; a line cut off is done again."""
    rows = [{"id": name, "config": GPT2} for name in "abcd"]
    given, out = jsonl(tmp_path / "in.jsonl", *rows), tmp_path / "out.jsonl"
    audit("--from", given, "-o", str(out))
    done = out.read_text().splitlines(keepends=True)
    marked = done[2].replace("124439808", "7")
    (tmp_path / "out.jsonl.journal").write_text(marked + done[0][:50])
    assert audit("--from", given, "-o", str(out), "--resume")[0] == 0
    assert [(row["id"], row["parameters"]) for row in read(out)] == [
        ("a", 124_439_808), ("b", 124_439_808), ("c", 7), ("d", 124_439_808),
    ]  # fmt: skip


def test_an_unfinished_journal_is_not_overwritten(audit, tmp_path):
    (tmp_path / "out.jsonl.journal").write_text('{"id": "a"}\n')
    code, _, err = audit("nanochat:d20", "-o", str(tmp_path / "out.jsonl"))
    assert (code, "--resume" in err) == (2, True)


def test_shares_are_apart_and_together_everything(audit, tmp_path):
    given = jsonl(tmp_path / "in.jsonl", *({"id": name, "config": GPT2} for name in "abcde"))
    found = []
    for share in ("1/2", "2/2"):
        found += [json.loads(line)["id"] for line in audit("--from", given, "--json", "--shard", share)[1].splitlines()]
    assert sorted(found) == list("abcde")
