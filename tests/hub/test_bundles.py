"""Repositories of several models: a pipeline's components, a sentence transformer's modules; adapters with bases."""

from __future__ import annotations

import json

import pytest

import cardscope
from cardscope.errors import CardscopeError, NotFound
from tests import weights as w
from tests.hub.hubserver import HubServer, Repo

PIPE = {
    "_class_name": "StableDiffusionPipeline", "_name_or_path": "x", "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"], "transformer": ["diffusers", "T"], "scheduler": ["diffusers", "PNDM"],
    "safety_checker": ["diffusers", "S"], "image_encoder": [None, None], "../up": ["diffusers", "X"],
}  # fmt: skip
UNET, UNET_LENGTH = w.stub({"down.to_q.weight": ("F16", (320, 320)), "conv_in.weight": ("F16", (320, 4, 3, 3))})
VAE, VAE_LENGTH = w.stub({"decoder.conv_in.weight": ("F32", (512, 4, 3, 3))})
SHARDED, GROWN = w.repository({f"blocks.{n}.attn.weight": ("BF16", (16, 16)) for n in range(6)}, 3)
UNET_COUNT, VAE_COUNT, SHARDED_COUNT = 320 * 320 + 320 * 36, 512 * 36, 6 * 256
PIPELINE = {
    "model_index.json": json.dumps(PIPE).encode(),
    "unet/diffusion_pytorch_model.safetensors": UNET,
    "unet/diffusion_pytorch_model.fp16.safetensors": UNET,
    "vae/diffusion_pytorch_model.safetensors": VAE,
    "safety_checker/pytorch_model.bin": b"x",
    **{f"transformer/{name}": data for name, data in SHARDED.items()},
}
LENGTHS = {
    "unet/diffusion_pytorch_model.safetensors": UNET_LENGTH,
    "vae/diffusion_pytorch_model.safetensors": VAE_LENGTH,
    **{f"transformer/{name}": size for name, size in GROWN.items()},
}


def lora(base, targets=("q_proj", "v_proj"), rank=8, **more):
    """An adapter of LLAMA on queries and values; `more` changes its config, not what is stored."""
    config = {"peft_type": "LORA", "base_model_name_or_path": base, "r": rank, "target_modules": list(targets), **more}
    tensors: w.Tensors = {}
    for layer in range(2):
        for target in ("q_proj", "v_proj"):
            rows, columns = w.LINEARS[f"self_attn.{target}"]
            name = f"base_model.model.model.layers.{layer}.self_attn.{target}.lora_"
            tensors |= {f"{name}A.weight": ("F32", (8, columns)), f"{name}B.weight": ("F32", (rows, 8))}
    data, size = w.stub(tensors)
    files = {"adapter_config.json": json.dumps(config).encode(), "adapter_model.safetensors": data}
    return Repo(files, grown={"adapter_model.safetensors": size})


LORA_COUNT = 2 * 8 * ((64 + 64) + (64 + 32))
"""By hand: two layers, rank 8, q 64 × 64 and v 32 × 64."""


@pytest.fixture(scope="module")
def server():
    modules = {"modules.json": b"[]", "0_Transformer/model.safetensors": UNET, "2_Dense/model.safetensors": VAE}
    lengths = {"0_Transformer/model.safetensors": UNET_LENGTH, "2_Dense/model.safetensors": VAE_LENGTH}
    repos = {
        "org/base": Repo({"config.json": json.dumps(w.LLAMA).encode()}),
        "org/pipeline": Repo(PIPELINE, grown=LENGTHS),
        "org/lora": lora("org/base"),
        "org/dora": lora("org/base", use_dora=True),
        "org/wrong-rank": lora("org/base", rank=4),
        "org/pattern": lora("org/base", rank_pattern={"q_proj": 4}),
        "org/orphan": lora("org/nowhere"),
        "org/trainer-s-disk": lora("/etc"),
        "org/sentences": Repo(modules, grown=lengths),
        "org/bins": Repo({"model_index.json": json.dumps(PIPE).encode(), "unet/model.bin": b"x"}),
    }
    with HubServer(repos) as running:
        yield running


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CARDSCOPE_CACHE", str(tmp_path / "cardscope"))


def said(report, *codes):
    return [(f.code, f.message) for f in report.findings if f.code in (codes or ("CS212", "CS213"))]


@pytest.mark.usefixtures("hub")
def test_a_pipeline_s_components_have_counts_of_their_own():
    """Single files, shards and convolutions; what has no safetensors is named, and a path that leads out is nothing."""
    report = cardscope.inspect("org/pipeline")
    stored = report.parameters.checkpoint
    assert stored.parts == {"unet": UNET_COUNT, "vae": VAE_COUNT, "transformer": SHARDED_COUNT}
    assert report.headline.total == stored.total == UNET_COUNT + VAE_COUNT + SHARDED_COUNT
    assert report.headline.witness == "stored"
    assert stored.stored_bytes == 2 * UNET_COUNT + 4 * VAE_COUNT + 2 * SHARDED_COUNT
    assert any("safety_checker holds no safetensors" in message for _, message in said(report, "CS209"))
    assert report.to_dict()["parameters"]["checkpoint"]["parts"]["unet"] == UNET_COUNT


def test_only_headers_of_a_pipeline_are_read(hub):
    cardscope.inspect("org/pipeline")
    weights = [r for r in hub.requests if r.path.endswith(".safetensors")]
    assert all("range" in r.headers for r in weights)
    assert len(weights) == 5


def test_a_shard_that_is_missing_is_an_error_that_names_it(elsewhere):
    files = {name: data for name, data in PIPELINE.items() if "00002-of" not in name}
    with elsewhere(Repo(files, grown=LENGTHS)), pytest.raises(NotFound, match="transformer/model-00002-of-00003"):
        cardscope.inspect("org/many")


@pytest.mark.usefixtures("hub")
def test_a_sentence_transformer_without_a_config_counts_its_modules():
    stored = cardscope.inspect("org/sentences").parameters.checkpoint
    assert stored.parts == {"0_Transformer": UNET_COUNT, "2_Dense": VAE_COUNT}


@pytest.mark.usefixtures("hub")
def test_an_adapter_is_counted_and_its_base_is_followed():
    """Rank · (in + out) over the base's own shapes is what is stored."""
    report = cardscope.inspect("org/lora")
    assert (report.headline.total, report.headline.witness) == (LORA_COUNT, "stored")
    (_, base), (code, predicted) = said(report)
    assert f"org/base ({w.TOTAL:,} parameters)" in base
    assert code == "CS212"
    assert f"gives {LORA_COUNT:,}, as is stored" in predicted


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(("name", "predicted"), [("wrong-rank", LORA_COUNT // 2), ("dora", LORA_COUNT + 2 * (64 + 32))])
def test_an_adapter_that_is_not_what_its_config_says_is_a_finding(name, predicted):
    """Half the rank gives half the numbers; DoRA adds a magnitude for each output."""
    ((code, message),) = said(cardscope.inspect(f"org/{name}"), "CS213")
    assert code == "CS213"
    assert f"gives {predicted:,}; {LORA_COUNT:,} are stored" in message


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("name", "why"), [("pattern", "rank_pattern is set"), ("orphan", "cannot be read"), ("trainer-s-disk", "no config")]
)
def test_what_cannot_be_predicted_is_said(name, why):
    """The adapter is counted all the same; a path on its trainer's machine is not looked for on this one."""
    report = cardscope.inspect(f"org/{name}")
    assert report.headline.total == LORA_COUNT
    assert any(why in message for _, message in said(report))


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("name", ["org/bins", "org/pipeline"])
def test_without_headers_there_is_nothing_to_count(name):
    """A pipeline of pickles, and one whose headers are left alone, are the error they were."""
    with pytest.raises(NotFound, match="diffusers pipeline"):
        cardscope.inspect(name, headers=name == "org/bins")


def test_local_folders_are_read_alike(tmp_path):
    for name, data in PIPELINE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with (tmp_path / name).open("wb") as file:
            file.write(data)
            file.truncate(LENGTHS.get(name, len(data)))
    for word in (str(tmp_path), str(tmp_path / "model_index.json")):
        stored = cardscope.inspect(word).parameters.checkpoint
        assert stored.parts == {"unet": UNET_COUNT, "vae": VAE_COUNT, "transformer": SHARDED_COUNT}


@pytest.mark.parametrize("text", ["[]", "{", '{"unet": 5, "vae": ["a"], "x": {"y": 1}}', '{"unet": ["a", "b", "c"]}'])
def test_a_hostile_index_of_a_pipeline_is_an_error_of_ours(tmp_path, text):
    (tmp_path / "model_index.json").write_text(text)
    with pytest.raises(CardscopeError):
        cardscope.inspect(str(tmp_path))
