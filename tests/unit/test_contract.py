"""The JSON of `cardscope MODEL --json`: its keys, types, sums and conventions."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest

import cardscope
from cardscope.assemble import assemble
from cardscope.fields import Read
from cardscope.model import HubFacts, RawConfig
from cardscope.report.model import Exact
from cardscope.source.formula import config as nanochat
from tests import facts

COUNT = (int, type(None))
TEXT = (str, type(None))
LAYERS = dict.fromkeys(("full", "sliding", "chunked", "linear", "recurrent", "none"), int)
WITNESS = {"heuristic", "analytic", "exact", "checkpoint"}
STATUS = {"ok", "skipped", "unavailable", "failed"}
SHAPE = {
    "schema": {"cardscope.report/1"},
    "model": {
        "id": str,
        "revision": TEXT,
        "source": {"hub", "cache", "catalog", "file", "stdin", "formula", "object"},
        "fetched": TEXT,
        "model_type": TEXT,
        "architectures": [str],
        "gated": bool,
    },
    "headline": {
        "total": COUNT,
        "active": COUNT,
        "bytes": COUNT,
        "dtype": TEXT,
        "witness": {"stored", "exact", "analytic", "none"},
    },
    "spec": {
        **dict.fromkeys(
            ("num_layers", "hidden_size", "num_heads", "num_kv_heads", "head_dim", "intermediate_size", "vocab_size"),
            COUNT,
        ),
        "max_positions": COUNT,
        "tied_embeddings": (bool, type(None)),
        "fields": [{"name": str, "value": object, "key": str, "from": {"file", "alias", "class default", "derived"}}],
    },
    "parameters": {
        "heuristic": {"total": COUNT, "reason": TEXT},
        "analytic": {
            "total": COUNT,
            "active": COUNT,
            "buffers": COUNT,
            "mtp": COUNT,
            "confidence": {"declared", "declared-unseen", "guess", "none"},
            "reason": TEXT,
            "components": {...: int},
        },
        "exact": {"total": COUNT, "buffers": COUNT, "class": TEXT, "status": STATUS, "reason": TEXT},
        "checkpoint": {
            "total": COUNT,
            "source": {"headers", "index", "hub-total", "gguf", "file-list", None},
            "stored_numbers": COUNT,
            "buffers": COUNT,
            "mtp": COUNT,
            "scales": COUNT,
            "duplicates": COUNT,
            "stored_bytes": COUNT,
            "dtypes": {...: int},
            "status": STATUS,
            "reason": TEXT,
        },
        "differences": [
            {
                "from": WITNESS,
                "to": WITNESS,
                "delta": int,
                "percent": float,
                "terms": [{"name": str, "delta": int}],
            }
        ],
    },
    "attention": {
        "kind": {"mha", "gqa", "mqa", "mla", "none"},
        "heads": COUNT,
        "kv_heads": COUNT,
        "group": COUNT,
        "parameters_saved": int,
        "layers": LAYERS,
    },
    "kv_cache": {
        "dtype": str,
        "per_token_bytes": int,
        "per_token_bytes_long": int,
        "state_bytes": int,
        "mha_per_token_bytes": int,
        "saving": (float, type(None)),
        "rule": {"live"},
        "rows": [
            {"tokens": int, "live_bytes": int, "reserved_bytes": int, "reserved_rule": str, "mha_bytes": int},
        ],
    },
    "memory": {
        "weights": [
            {
                "precision": str,
                "bytes": int,
                "bits_per_weight": float,
                "basis": {"stored", "counted", "estimated"},
            }
        ]
    },
    "findings": [{"code": str, "severity": {"error", "warning", "info"}, "message": str, "where": str}],
}
"""Key → type, a set of allowed words, a list of one shape, or a nested object (`...` stands for any key)."""

MODELS = {name: value for name, value in vars(facts).items() if name.isupper() and isinstance(value, dict)}
MODELS["NANOCHAT_D20"] = nanochat("d20", [])[0]


def _misfits(value: object, shape: object, place: str = "") -> list[str]:
    """Every place where `value` is not of `shape`."""
    if isinstance(shape, set):
        return [] if value in shape else [f"{place}: {value!r} is none of {shape}"]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{place}: {value!r} is no list"]
        return [bad for index, item in enumerate(value) for bad in _misfits(item, shape[0], f"{place}[{index}]")]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{place}: {value!r} is no object"]
        if ... in shape:
            return [bad for key, item in value.items() for bad in _misfits(item, shape[...], f"{place}.{key}")]
        missing = [f"{place}.{key} is missing" for key in shape if key not in value]
        return missing + [
            bad for key in shape if key in value for bad in _misfits(value[key], shape[key], f"{place}.{key}")
        ]
    boolean = isinstance(value, bool) and shape is not bool and shape is not object and bool not in _types(shape)
    return [] if isinstance(value, shape) and not boolean else [f"{place}: {value!r} is no {shape}"]


def _types(shape: object) -> tuple[object, ...]:
    return shape if isinstance(shape, tuple) else (shape,)


def report(config: dict[str, object], **options) -> dict[str, object]:
    """The JSON of a config given as an object, read back from its text."""
    made = cardscope.inspect(config, exact=False, headers=False, **options)
    return json.loads(json.dumps(made.to_dict(), allow_nan=False))


def assembled(config: dict[str, object], **rest) -> dict[str, object]:
    """The JSON of a config with what other witnesses said beside it."""
    exact = rest.pop("exact", Exact(None, reason="not asked for"))
    raw = RawConfig(data=config, id="org/name", source="hub", **rest)
    return json.loads(json.dumps(assemble(raw, exact=exact).to_dict(), allow_nan=False))


@pytest.fixture(scope="module", params=sorted(MODELS))
def found(request) -> dict[str, object]:
    """The report of each model at hand."""
    return report(MODELS[request.param])


def test_every_key_is_there_with_its_type(found):
    assert _misfits(found, SHAPE) == []


def test_the_checker_of_shapes_sees_what_is_wrong():
    broken = report(facts.GPT2)
    del broken["attention"]["group"]
    broken["headline"]["total"] = True
    broken["model"]["source"] = "moon"
    broken["findings"] = [{}]
    places = [bad.split(":")[0].split(" ")[0] for bad in _misfits(broken, SHAPE)]
    assert ".attention.group" in places
    assert ".headline.total" in places
    assert ".model.source" in places
    assert ".findings[0].code" in places


def test_components_sum_to_the_total(found):
    analytic = found["parameters"]["analytic"]
    assert sum(analytic["components"].values()) == (analytic["total"] or 0)


def test_terms_sum_to_delta_and_percent_is_of_from(found):
    for item in found["parameters"]["differences"]:
        start = found["parameters"][item["from"]]["total"]
        assert sum(term["delta"] for term in item["terms"]) == item["delta"]
        assert item["delta"] == found["parameters"][item["to"]]["total"] - start
        assert item["percent"] == pytest.approx(100 * item["delta"] / start, abs=0.005)


def test_no_term_is_unexplained_between_rule_and_declaration(found):
    names = [term["name"] for item in found["parameters"]["differences"] for term in item["terms"]]
    assert "unexplained" not in names


def test_what_is_unknown_has_a_reason(found):
    for name in ("heuristic", "analytic", "exact", "checkpoint"):
        witness = found["parameters"][name]
        assert witness["total"] is not None or witness["reason"]


def test_layers_of_every_kind_sum_to_the_layer_count(found):
    assert sum(found["attention"]["layers"].values()) == found["spec"]["num_layers"]


def test_cache_rows_grow_and_live_is_at_most_reserved(found):
    rows = found["kv_cache"]["rows"]
    assert [row["tokens"] for row in rows] == sorted({row["tokens"] for row in rows})
    for short, long in pairwise(rows):
        assert short["live_bytes"] <= long["live_bytes"]
    assert all(row["live_bytes"] <= min(row["reserved_bytes"], row["mha_bytes"]) for row in rows)


def test_bits_per_weight_are_those_of_the_bytes(found):
    total = found["parameters"]["analytic"]["total"]
    for row in found["memory"]["weights"]:
        assert row["bits_per_weight"] == pytest.approx(8 * row["bytes"] / total, abs=0.0006)


def test_json_holds_no_nan_and_no_infinity(found):
    def numbers(value):
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                yield from numbers(item)
        elif isinstance(value, float):
            yield value

    assert all(math.isfinite(value) for value in numbers(found))


@pytest.fixture(scope="module")
def llama() -> dict[str, object]:
    """The contract's own example, tested number by number."""
    return report(facts.LLAMA3_8B)


def test_llama_3_headline(llama):
    assert llama["headline"] == {
        "total": 8_030_261_248,
        "active": 8_030_261_248,
        "bytes": 16_060_522_496,
        "dtype": "bfloat16",
        "witness": "analytic",
    }


def test_llama_3_spec(llama):
    spec = llama["spec"]
    wanted = {
        "num_layers": 32,
        "hidden_size": 4096,
        "num_heads": 32,
        "num_kv_heads": 8,
        "head_dim": 128,
        "intermediate_size": 14336,
        "vocab_size": 128256,
        "max_positions": 8192,
        "tied_embeddings": False,
    }
    assert {name: spec[name] for name in wanted} == wanted


def test_llama_3_fields_say_where_each_value_came_from(llama):
    reads = {read["name"]: (read["value"], read["from"]) for read in llama["spec"]["fields"]}
    assert reads["num_hidden_layers"] == (32, "file")
    assert reads["head_dim"] == (128, "derived")
    assert reads["mlp_bias"] == (False, "class default")


def test_llama_3_heuristic(llama):
    assert llama["parameters"]["heuristic"] == {"total": 6_442_450_944, "reason": None}


def test_llama_3_analytic(llama):
    assert llama["parameters"]["analytic"] == {
        "total": 8_030_261_248,
        "active": 8_030_261_248,
        "buffers": 0,
        "mtp": 0,
        "confidence": "declared",
        "reason": None,
        "components": {
            "embedding": 525_336_576,
            "attention": 1_342_177_280,
            "mlp": 5_637_144_576,
            "norm": 266_240,
            "head": 525_336_576,
        },
    }


def test_llama_3_difference(llama):
    (difference,) = llama["parameters"]["differences"]
    terms = {term["name"]: term["delta"] for term in difference["terms"]}
    assert {key: value for key, value in difference.items() if key != "terms"} == {
        "from": "heuristic",
        "to": "analytic",
        "delta": 1_587_810_304,
        "percent": 24.65,
    }
    assert terms == {
        "gated MLP": 1_342_177_280,
        "embedding": 525_336_576,
        "untied head": 525_336_576,
        "norms": 266_240,
        "grouped-query attention": -805_306_368,
    }


def test_llama_3_attention(llama):
    assert llama["attention"] == {
        "kind": "gqa",
        "heads": 32,
        "kv_heads": 8,
        "group": 4,
        "parameters_saved": 805_306_368,
        "layers": {"full": 32, "sliding": 0, "chunked": 0, "linear": 0, "recurrent": 0, "none": 0},
    }


def test_llama_3_cache(llama):
    cache = llama["kv_cache"]
    figures = ("dtype", "per_token_bytes", "per_token_bytes_long", "state_bytes", "mha_per_token_bytes", "saving")
    assert [cache[name] for name in figures] == ["bfloat16", 131_072, 131_072, 0, 524_288, 0.75]
    assert cache["rows"][-1] == {
        "tokens": 8192,
        "live_bytes": 1_073_741_824,
        "reserved_bytes": 1_073_741_824,
        "reserved_rule": "every caching layer at full length",
        "mha_bytes": 4_294_967_296,
    }


def test_llama_3_memory(llama):
    rows = {row["precision"]: row for row in llama["memory"]["weights"]}
    assert (rows["bf16"]["bytes"], rows["bf16"]["bits_per_weight"]) == (16_060_522_496, 16.0)
    assert rows["fp32"]["bytes"] == 4 * 8_030_261_248


def test_llama_3_has_no_findings(llama):
    assert llama["findings"] == []


def test_an_equal_hub_total_leaves_nothing_to_explain():
    hub = HubFacts(safetensors_total=8_030_261_248, safetensors_dtypes={"BF16": 8_030_261_248})
    found = assembled(facts.LLAMA3_8B, hub=hub)
    stored = found["parameters"]["checkpoint"]
    assert (stored["total"], stored["stored_numbers"], stored["stored_bytes"]) == (
        8_030_261_248,
        8_030_261_248,
        16_060_522_496,
    )
    assert (stored["source"], stored["status"], stored["dtypes"]) == ("hub-total", "ok", {"BF16": 8_030_261_248})
    assert found["parameters"]["differences"][-1] == {
        "from": "analytic",
        "to": "checkpoint",
        "delta": 0,
        "percent": 0.0,
        "terms": [],
    }


def test_a_hub_total_alone_never_makes_a_headline_stored():
    found = assembled(facts.LLAMA3_8B, hub=HubFacts(safetensors_total=8_030_261_248))
    assert found["headline"]["witness"] == "analytic"


def test_the_exact_count_makes_the_headline_where_no_headers_were_read():
    exact = Exact(8_030_261_248, 0, "LlamaForCausalLM", "ok")
    found = assembled(facts.LLAMA3_8B, exact=exact)
    assert found["headline"]["witness"] == "exact"
    assert found["parameters"]["exact"] == {
        "total": 8_030_261_248,
        "buffers": 0,
        "class": "LlamaForCausalLM",
        "status": "ok",
        "reason": None,
    }


def test_witnesses_that_disagree_are_both_shown_and_reported():
    """A witness never repairs another: each keeps its number and the difference is a finding."""
    found = assembled(facts.LLAMA3_8B, exact=Exact(8_030_261_249, 0, "LlamaForCausalLM", "ok"))
    assert found["parameters"]["analytic"]["total"] == 8_030_261_248
    assert found["parameters"]["exact"]["total"] == 8_030_261_249
    assert found["parameters"]["analytic"]["confidence"] == "declared-unseen"
    assert [item["code"] for item in found["findings"]] == ["CS201"]


def test_gpt2_on_the_hub_holds_twelve_masks_beside_its_parameters():
    hub = HubFacts(safetensors_total=137_022_720, safetensors_dtypes={"F32": 137_022_720})
    found = assembled(facts.GPT2, hub=hub)
    stored, last = found["parameters"]["checkpoint"], found["parameters"]["differences"][-1]
    assert last["terms"] == [{"name": "attention masks", "delta": 12 * 1024**2}]
    assert (stored["total"], stored["stored_numbers"]) == (124_439_808, 137_022_720)
    assert (found["headline"]["total"], found["headline"]["bytes"]) == (124_439_808, 4 * 137_022_720)
    assert "CS202" not in [item["code"] for item in found["findings"]]


def test_a_hub_total_that_nothing_explains_is_a_finding_and_gives_no_parameters():
    found = assembled(facts.GPT2, hub=HubFacts(safetensors_total=124_439_909))
    stored, last = found["parameters"]["checkpoint"], found["parameters"]["differences"][-1]
    assert (stored["total"], stored["stored_numbers"]) == (None, 124_439_909)
    assert last["terms"] == [{"name": "unexplained", "delta": 101}]
    assert "CS202" in [item["code"] for item in found["findings"]]


def test_deepseek_v3_caches_latents():
    found = report(facts.DEEPSEEK_V3)
    assert found["parameters"]["analytic"]["total"] == 671_026_404_352
    assert found["attention"]["kind"] == "mla"
    assert found["kv_cache"]["per_token_bytes"] == 70_272
    assert found["kv_cache"]["mha_per_token_bytes"] == 4_997_120


def test_deepseek_v3_counts_extra_layers_and_corrections_apart():
    analytic = report(facts.DEEPSEEK_V3)["parameters"]["analytic"]
    assert analytic["buffers"] == 58 * 256
    assert 11_500_000_000 < analytic["mtp"] < 11_700_000_000
    assert 37_000_000_000 < analytic["active"] < 38_000_000_000


def test_a_type_that_is_not_modelled_keeps_the_exact_count_and_says_why_the_rest_is_unknown():
    config = {"model_type": "newcomer", "architectures": ["NewcomerForCausalLM"], "hidden_size": 64}
    found = assembled(config, exact=Exact(1000, 0, "NewcomerForCausalLM", "ok"))
    assert _misfits({k: v for k, v in found.items() if k not in {"spec", "attention", "kv_cache"}}, {
        k: v for k, v in SHAPE.items() if k not in {"spec", "attention", "kv_cache"}
    }) == []  # fmt: skip
    assert (found["spec"], found["attention"], found["kv_cache"]) == (None, None, None)
    assert found["parameters"]["analytic"]["total"] is None
    assert "newcomer" in found["parameters"]["analytic"]["reason"]
    assert (found["headline"]["total"], found["headline"]["witness"]) == (1000, "exact")
    assert [row["precision"] for row in found["memory"]["weights"]] == ["fp32", "bf16"]
    assert found["memory"]["reason"]


def test_a_stored_total_alone_is_no_headline_but_a_report():
    found = assembled({"model_type": "newcomer"}, hub=HubFacts(safetensors_total=10, safetensors_dtypes={"F16": 10}))
    assert found["headline"] == {"total": None, "active": None, "bytes": 20, "dtype": "float16", "witness": "none"}
    assert found["parameters"]["checkpoint"]["stored_numbers"] == 10


def test_nothing_countable_is_an_error():
    with pytest.raises(cardscope.CardscopeError, match="newcomer is not modelled"):
        report({"model_type": "newcomer", "hidden_size": 64})


def test_a_wrapper_gives_its_text_models_spec_and_cache_without_a_total():
    config = {**facts.GEMMA3_27B, "model_type": "newcomer_vl", "architectures": ["NewcomerForConditionalGeneration"]}
    found = assembled(config, exact=Exact(27_432_406_640, 0, "NewcomerForConditionalGeneration", "ok"))
    assert found["parameters"]["analytic"]["total"] is None
    assert "text model" in found["parameters"]["analytic"]["reason"]
    assert (found["spec"]["num_layers"], found["spec"]["hidden_size"]) == (62, 5376)
    assert found["kv_cache"]["per_token_bytes"] == 507_904
    assert found["headline"]["total"] == 27_432_406_640


def test_a_declared_wrapper_counts_its_towers_and_keeps_its_text_models_cache():
    found = report(facts.GEMMA3_27B)
    analytic = found["parameters"]["analytic"]
    assert analytic["total"] == 27_432_406_640
    assert sum(analytic["components"].values()) == analytic["total"]
    assert analytic["components"]["vision"] == 416_866_032
    assert (found["spec"]["num_layers"], found["kv_cache"]["per_token_bytes"]) == (62, 507_904)


def test_active_is_unknown_where_the_config_does_not_say_how_many_experts_fire():
    config = {key: value for key, value in facts.DEEPSEEK_V3.items() if key != "num_experts_per_tok"}
    found = report({**config, "num_experts_per_tok": None})
    assert found["parameters"]["analytic"]["active"] is None
    assert "experts fire" in found["parameters"]["analytic"]["reason"]
    assert found["headline"]["active"] is None


def test_no_dtype_in_the_config_means_bf16_and_says_so():
    found = report(facts.GPT2)
    assert (found["kv_cache"]["dtype"], found["headline"]["dtype"]) == ("bfloat16", "bfloat16")
    assert [(item["code"], item["severity"]) for item in found["findings"]] == [("CS114", "info")]


def test_the_word_for_a_dtype_is_read_under_either_key():
    config = {key: value for key, value in facts.LLAMA3_8B.items() if key != "torch_dtype"}
    assert report({**config, "dtype": "float16"})["kv_cache"]["dtype"] == "float16"


def test_the_identity_says_where_the_config_came_from():
    found = assembled(facts.GPT2, revision="607a30d", fetched="2026-11-20T12:00:00+00:00", hub=HubFacts(gated="auto"))
    model = found["model"]
    assert (model["id"], model["revision"], model["source"]) == ("org/name", "607a30d", "hub")
    assert (model["fetched"], model["gated"]) == ("2026-11-20T12:00:00+00:00", True)
    assert (model["model_type"], model["architectures"]) == ("gpt2", ["GPT2LMHeadModel"])


def test_context_batch_and_kv_dtype_change_the_cache_table_only():
    plain, varied = report(facts.LLAMA3_8B), report(facts.LLAMA3_8B, context=10_000, batch=3, kv_dtype="fp8")
    assert varied["kv_cache"]["per_token_bytes"] == 65_536
    row = next(row for row in varied["kv_cache"]["rows"] if row["tokens"] == 10_000)
    assert row["live_bytes"] == 3 * 10_000 * 65_536
    assert {k: v for k, v in varied.items() if k != "kv_cache"} == {k: v for k, v in plain.items() if k != "kv_cache"}


def test_the_report_is_reachable_by_attributes_as_well():
    made = cardscope.inspect(facts.LLAMA3_8B, exact=False, headers=False)
    assert made.parameters.analytic.total == 8_030_261_248
    assert isinstance(made, cardscope.Report)
    assert all(isinstance(read, Read) for read in made.fields)


def test_the_config_handed_in_is_left_as_it_was():
    config = json.loads(json.dumps(facts.GEMMA3_27B))
    assembled(config, exact=Exact(1, 0, "x", "ok"))
    assert config == facts.GEMMA3_27B


def test_a_key_that_another_key_overrules_still_counts_as_read():
    """Falcon-40B says multi_query beside the new layout, which ignores it: nothing there went unread."""
    found = report(facts.FALCON_40B)
    assert found["findings"] == []
    assert found["parameters"]["analytic"]["confidence"] == "declared"


FP8 = {"quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}}


def test_deepseek_v3s_published_number_is_explained_to_the_last_scale():
    """684,531,386,000 numbers: parameters, an extra layer with its own embedding and head, corrections, fp8 scales."""
    dtypes = {"BF16": 3_918_786_560, "F8_E4M3": 680_571_043_840, "F32": 41_555_600}
    hub = HubFacts(safetensors_total=684_531_386_000, safetensors_dtypes=dtypes)
    found = assembled({**facts.DEEPSEEK_V3, **FP8}, hub=hub)
    terms = {term["name"]: term["delta"] for term in found["parameters"]["differences"][-1]["terms"]}
    assert terms == {
        "router correction biases": 58 * 256,
        "extra prediction layers": found["parameters"]["analytic"]["mtp"] + 256,
        "embedding and head repeated for the extra layers": 2 * 129_280 * 7168,
        "quantization scales": 41_540_496,
    }
    stored = found["parameters"]["checkpoint"]
    assert stored["total"] == found["headline"]["total"] == 671_026_404_352
    assert stored["total"] + sum(stored[name] for name in ("buffers", "mtp", "scales", "duplicates")) == 684_531_386_000
    assert (found["headline"]["bytes"], found["headline"]["dtype"]) == (688_574_839_360, "fp8")


def test_stored_bytes_are_named_after_what_is_stored():
    """A config that says bf16 beside a checkpoint of fp32."""
    hub = HubFacts(safetensors_total=8_030_261_248, safetensors_dtypes={"F32": 8_030_261_248})
    head = assembled(facts.LLAMA3_8B, hub=hub)["headline"]
    assert (head["bytes"], head["dtype"]) == (4 * 8_030_261_248, "float32")
