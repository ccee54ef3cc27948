"""Cached decoding equals a full forward, for every attention × position pair.

Every registered attention and position is taken up by itself; an attention with required options
needs a line in ``REQUIRED``. What is asked of a pair is asked by ``zoo.testing`` too; here it is
asked of all of them, and of windows in models of several layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from unusual_components import COMPONENTS

import zoo
from zoo.generation.engine import Engine
from zoo.generation.weights import can_pack, packed_for
from zoo.model.context import visible
from zoo.model.decoder import Decoder
from zoo.model.kv_cache import DecodingState
from zoo.testing import decoding
from zoo.testing.bench import DIMS
from zoo.testing.compare import differing
from zoo.testing.decoding import after, decoded, full, padded, some_ids

REQUIRED: dict[str, dict[str, Any]] = {"sliding": {"window": 5}}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-6}  # logits are float32, whatever the model is


class Case(NamedTuple):
    attention: str
    position: str
    options: dict[str, Any]

    def __str__(self) -> str:
        return "-".join([self.attention, self.position, *map(str, self.options.values())])

    def decoder(self, max_seq_len: int = DIMS.max_seq_len) -> Decoder:
        """A model of two layers in float64, its weights the same for every ``max_seq_len``."""
        registry = zoo.registry()
        attention = registry.find("attention", self.attention).factory
        return decoding.decoder(
            partial(attention, **{**REQUIRED.get(self.attention, {}), **self.options}),
            registry.find("position", self.position).factory,
            max_seq_len=max_seq_len,
        )


def cases() -> Iterator[Case]:
    """Each attention with each position that it accepts, sharing heads as far as it can."""
    registry = zoo.registry()
    for attention in registry.entries("attention"):
        variants = [
            {"n_kv_heads": 4},
            {"n_kv_heads": 2},
            {"n_kv_heads": 1},
            {"n_kv_heads": 2, "kernel": "reference"},
        ]
        fitting = [options for options in variants if options.keys() <= attention.options.keys()]
        for position in registry.entries("position"):
            if position.factory.acts_on <= attention.factory.accepts | {"embedding"}:
                for options in fitting or [{}]:
                    yield Case(attention.name, position.name, options)


CASES = list(cases())
every_pair = pytest.mark.parametrize("case", CASES, ids=str)
endless = pytest.mark.parametrize(
    "case",
    [
        case
        for case in CASES
        if case.attention in ("full", "sliding") and case.decoder().position_limit is None
    ],
    ids=str,
)


def test_there_are_pairs_to_test() -> None:
    pairs = {(case.attention, case.position) for case in CASES}
    names = ["rope", "learned", "sinusoidal", "alibi", "none"]
    assert {(kind, name) for kind in ("full", "sliding") for name in names} <= pairs


@every_pair
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("way", decoding.EVERY_WAY, ids=lambda way: way.__name__)
def test_decoding_equals_a_full_forward(case: Case, dtype: torch.dtype, way: Any) -> None:
    model = case.decoder().to(dtype)
    assert list(way(model, TOLERANCE[dtype])) == []


@endless
@pytest.mark.parametrize(
    "chunks",
    [[10] + 30 * [1], [14, 9] + 17 * [1], [25] + 15 * [1]],
    ids=["tokens", "a chunk across the end", "a prompt beyond the end"],
)
def test_past_max_seq_len_decoding_equals_a_full_forward_with_a_window(
    case: Case, chunks: list[int]
) -> None:
    ids = some_ids(2, 40)
    asked = after(full(windowed(case), ids), chunks)
    assert list(differing("logits", decoded(case.decoder(), ids, chunks), asked)) == []


@endless
def test_past_max_seq_len_padded_rows_equal_each_row_alone(case: Case) -> None:
    model, longer = case.decoder(), windowed(case)
    ids, padding = padded([some_ids(12), some_ids(5)])
    ids = torch.cat((ids, some_ids(2, 28)), dim=1)
    logits = decoded(model, ids, [12] + 28 * [1], model.new_state(2, padding=padding))
    for row, skip in enumerate(padding.tolist()):
        alone = full(longer, ids[row : row + 1, skip:])[0, -29:]
        assert list(differing("logits", logits[row], alone)) == []


def windowed(case: Case) -> Decoder:
    """The same weights with a context of 64, its attention sliding in the window of ``case``."""
    window = REQUIRED.get(case.attention, {"window": DIMS.max_seq_len})["window"]
    model = Case("sliding", case.position, {**case.options, "window": window}).decoder(64)
    model.load_state_dict(case.decoder().state_dict())
    return model


@pytest.mark.parametrize("attention", ["full", "sliding"])
def test_positions_that_end_are_refused_past_their_end(attention: str) -> None:
    model = Case(attention, "learned", {}).decoder()
    state = model.new_state(1)
    decoded(model, some_ids(1, DIMS.max_seq_len), [DIMS.max_seq_len], state)
    with pytest.raises(ValueError, match="positions end at 16 tokens"):
        model.decode(some_ids(1, 1), state)


def test_positions_are_those_of_the_longest_row_not_columns() -> None:
    model = Case("full", "learned", {}).decoder()
    state = model.new_state(2, padding=torch.tensor([8, 10]))
    decoded(model, some_ids(2, DIMS.max_seq_len), [DIMS.max_seq_len], state)
    decoded(model, some_ids(2, 8), 8 * [1], state)
    with pytest.raises(ValueError, match="positions end at 16 tokens"):
        model.decode(some_ids(2, 1), state)


def greedy(model: Decoder, prompts: list[list[int]], n_new: int) -> list[list[int]]:
    """What generating draws with a sampler that leaves the likeliest token alone."""
    rows: list[list[int]] = [[] for _ in prompts]
    sampler = zoo.make("sampler", "greedy")
    for row, token in Engine(model).request(prompts, [sampler], max_new_tokens=n_new):
        rows[row].append(token)
    return rows


def greedy_without_cache(model: Decoder, prompt: list[int], n_new: int) -> list[int]:
    """The same from full forwards over what is visible of the text, one for each token."""
    ids = list(prompt)
    for _ in range(n_new):
        seen = ids[-visible(len(ids), model.position_limit) :]
        ids.append(int(full(model, torch.tensor([seen]))[0, -1].argmax()))
    return ids[len(prompt) :]


@every_pair
def test_greedy_tokens_are_those_of_full_forwards(case: Case) -> None:
    model = case.decoder()
    plain = windowed(case) if model.position_limit is None else model
    n_new = 30
    prompts = [some_ids(length).tolist() for length in (9, 3, 20, 5)]
    asked = [greedy_without_cache(plain, prompt, n_new) for prompt in prompts]
    assert greedy(model, prompts, n_new) == asked
    for prompt, new in zip(prompts, asked, strict=True):
        assert greedy(model, [prompt], n_new) == [new]


@pytest.mark.parametrize("position", ["rope", "none"])
def test_no_call_is_longer_than_the_context_and_none_passes_the_positions(position: str) -> None:
    model = Case("full", position, {}).decoder()
    calls: list[tuple[int, int]] = []
    plain = model.decode

    def decode(ids: Tensor, state: DecodingState) -> Tensor:
        logits = plain(ids, state)
        calls.append((ids.shape[1], state.longest))
        return logits

    model.decode = decode  # type: ignore[method-assign]
    greedy(model, [some_ids(500).tolist(), [1]], 40)
    assert max(n_new for n_new, _ in calls) <= DIMS.max_seq_len
    if model.position_limit is not None:
        assert max(longest for _, longest in calls) == model.position_limit
        assert sum(n_new for n_new, _ in calls) < 150  # what is out of sight isn't read
    else:
        assert sum(n_new for n_new, _ in calls) == 500 + 39


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_few_positions_are_enough(limit: int) -> None:
    registry = zoo.registry()
    factories = (registry.find(*of).factory for of in (("attention", "full"), ("position", "none")))
    model = decoding.decoder(*factories, max_seq_len=limit)
    prompts = [some_ids(length).tolist() for length in (5, 1)]
    assert greedy(model, prompts, 9) == [greedy_without_cache(model, p, 9) for p in prompts]


@pytest.mark.parametrize(
    "factory",
    [factory for kind, factory in COMPONENTS if kind == "attention"],
    ids=lambda factory: factory.__name__,
)
def test_greedy_tokens_of_an_attention_from_outside(factory: Any) -> None:
    model = decoding.decoder(factory, zoo.registry().find("position", "rope").factory)
    prompts = [some_ids(length).tolist() for length in (2, 6)]
    assert greedy(model, prompts, 9) == [greedy_without_cache(model, p, 9) for p in prompts]


def test_packed_weights_change_nothing_but_rounding() -> None:
    model = Case("full", "rope", {}).decoder().to(torch.bfloat16)
    ids = some_ids(3, 7)
    plain = decoded(model, ids, [5, 1, 1])
    packed = packed_for(model, 3)
    assert (packed.head.packed is not None) == can_pack(model)
    assert model.head.packed is None
    torch.testing.assert_close(decoded(packed, ids, [5, 1, 1]), plain, atol=0.05, rtol=0.02)
