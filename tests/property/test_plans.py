"""What is true of every derivation, comparison, plan and design: sums, bounds, and that more never costs less."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

import cardscope
from cardscope.designing import Ask, design_for
from cardscope.errors import UsageError
from cardscope.nanochat import counts
from cardscope.nanochat.epochs import EPOCHS, Sizes
from cardscope.nanochat.stored import layout, numbers
from tests.property.configs import legal


@given(legal())
def test_a_derivation_s_sections_and_components_sum_to_the_total(config):
    found = cardscope.explain(config)
    assert sum(section.total for section in found.sections) == found.total
    for section in found.sections:
        assert sum(section.by_component().values()) == section.each


@given(legal())
def test_layers_and_the_rest_of_a_comparison_sum_to_the_total(config):
    found = cardscope.compare([config], headers=False)
    (column,) = found.columns
    assert column.blocks + column.rest == column.total
    assert (
        sum(row.cells[0] for row in found.rows if row.section == "components" and row.unit == "number") == column.total
    )


@given(legal(), st.integers(1, 4))
def test_a_plan_s_figures_follow_from_each_other(config, batch):
    found = cardscope.train(config, devices=1, device_batch=batch, sequence=64, batch_tokens=64 * batch, ratio=200)
    assert found.total_flops == found.flops_per_token * found.tokens
    assert found.flops_per_token <= found.flops_per_token_6n + found.flops_per_token - 6 * found.matmul_parameters
    assert found.steps * found.batch_tokens <= found.tokens
    held = found.memory
    kinds = (held.weights, held.gradients, held.optimizer, held.activations, held.logits)
    assert max(kinds) <= held.peak <= sum(kinds) + held.activations
    assert held.peak < held.process[0] < held.process[1]


@given(legal())
def test_two_sequences_hold_no_less_than_one(config):
    one, two = (
        cardscope.train(config, devices=1, device_batch=n, sequence=64, batch_tokens=256, ratio=200).memory
        for n in (1, 2)
    )
    assert two.activations == 2 * one.activations
    assert two.peak >= one.peak


ASKS = st.builds(
    Ask,
    family=st.sampled_from(["nanochat", "gpt2", "llama", "qwen3"]),
    params=st.integers(300_000, 300_000_000),
    head_dims=st.sampled_from([(16,), (32, 64), (64,)]),
    depth=st.sampled_from([(1, 12), (2, 64)]),
    vocabs=st.sampled_from([(1024, 4096), (8192, 32_768), (50_257,)]),
    tolerance=st.sampled_from([0.05, 0.2]),
    context=st.sampled_from([128, 2048]),
    limit=st.just(3),
)


@settings(max_examples=40)
@given(ASKS)
def test_every_design_meets_its_budget_and_its_parts_sum(ask):
    try:
        found = design_for(ask)
    except UsageError:  # nothing of these sizes meets this budget
        assume(False)
    low, high = ask.band
    for one in found.designs:
        assert one.embedding + one.blocks + one.head == one.parameters
        assert low <= one.parameters <= high
        assert one.shape.width == one.shape.heads * one.shape.head_dim
        report = cardscope.inspect(one.config, exact=False, headers=False)
        assert report.parameters.analytic.total == one.parameters == one.plan.parameters
        assert one.shape.tied is report.spec.tied_embeddings


SIZES = st.builds(
    lambda depth, heads, size, group, vocab: Sizes(
        depth, heads * group * size, heads * group, heads, vocab, 512, "SSL"
    ),
    st.integers(1, 9),
    st.integers(1, 4),
    st.sampled_from([16, 64]),
    st.integers(1, 3),
    st.integers(64, 5000),
)


@given(st.sampled_from(EPOCHS), SIZES)
def test_tensors_listed_for_a_release_are_all_it_has_and_tell_it_from_those_of_other_totals(epoch, sizes):
    listed = [(count, copies) for count, _, copies in numbers(epoch, sizes)]
    total = counts.total(epoch, sizes)
    assert sum(count * copies for count, copies in listed) == total
    held = [4 * count for count, copies in listed for _ in range(copies)]
    fitting = [other for other in EPOCHS if layout(other, sizes, held) == "fp32"]
    assert epoch in fitting
    assert {counts.total(other, sizes) for other in fitting} == {total}
