"""Cached decoding equals a full forward, for every attention × position pair.

Every registered attention and position is taken up by itself; an attention with required options
needs a line in ``REQUIRED``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import zoo
from zoo.model import Decoder

VOCAB = 50
CONTEXT = 16
REQUIRED: dict[str, dict[str, Any]] = {"sliding": {"window": 5}}
TOLERANCE = {  # logits are float32, whatever the model is
    torch.float32: {"atol": 1e-5, "rtol": 1e-5},
    torch.float64: {"atol": 3e-7, "rtol": 3e-7},
}


class Case(NamedTuple):
    attention: str
    position: str
    options: dict[str, Any]

    def __str__(self) -> str:
        return "-".join([self.attention, self.position, *map(str, self.options.values())])

    def decoder(self, max_seq_len: int = CONTEXT, **changes: Any) -> Decoder:
        """A model of two layers in float64, its weights the same for every ``max_seq_len``."""

        def entry(kind: str, name: str) -> Any:
            return zoo.registry().find(kind, name).factory

        options = {**REQUIRED.get(self.attention, {}), **self.options}
        parts: dict[str, Any] = {
            "norm": entry("norm", "rmsnorm"),
            "activation": entry("activation", "swiglu"),
            "feedforward": entry("feedforward", "mlp"),
            "loss": entry("loss", "cross_entropy"),
            "position": entry("position", self.position),
            "attention": partial(entry("attention", self.attention), **options),
        }
        sizes = {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": max_seq_len}
        return Decoder(VOCAB, **sizes, **{**parts, **changes}).double().eval()


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
        if case.attention in ("full", "sliding") and case.decoder().positions[0].limit is None
    ],
    ids=str,
)


def some_ids(rows: int, length: int) -> Tensor:
    return torch.randint(VOCAB, (rows, length))


def decoded(model: Decoder, ids: Tensor, chunks: Sequence[int], state: Any = None) -> Tensor:
    """The logits after each chunk of these ids, (B, chunks, V)."""
    assert sum(chunks) == ids.shape[1]
    state = state if state is not None else model.new_state(len(ids))
    return torch.stack([model.decode(part, state) for part in ids.split(chunks, dim=1)], dim=1)


def after(logits: Tensor, chunks: Sequence[int]) -> Tensor:
    """The same of a full forward's logits (B, T, V)."""
    return logits[:, [end - 1 for end in accumulate(chunks)]]


def padded(prompts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Prompts of different lengths, padded on the left, and how much of each row is padding."""
    longest = max(map(len, prompts))
    padding = torch.tensor([longest - len(prompt) for prompt in prompts])
    rows = [torch.cat((prompt.new_zeros(longest - len(prompt)), prompt)) for prompt in prompts]
    return torch.stack(rows), padding


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def test_there_are_pairs_to_test() -> None:
    pairs = {(case.attention, case.position) for case in CASES}
    names = ["rope", "learned", "sinusoidal", "alibi", "none"]
    assert {(kind, name) for kind in ("full", "sliding") for name in names} <= pairs


@every_pair
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(
    "chunks",
    [[7] + 5 * [1], 12 * [1], [4, 1, 3, 4], [12]],
    ids=["a prompt and tokens", "tokens", "a prompt in chunks", "a prompt"],
)
def test_decoding_equals_a_full_forward(case: Case, chunks: list[int], dtype: torch.dtype) -> None:
    model, ids = case.decoder().to(dtype), some_ids(3, 12)
    expected = after(model(ids), chunks)
    torch.testing.assert_close(decoded(model, ids, chunks), expected, **TOLERANCE[dtype])


@every_pair
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("prompt", [[12], [5, 7]], ids=["prompt at once", "prompt in chunks"])
def test_padded_prompts_equal_each_row_alone(
    case: Case, prompt: list[int], dtype: torch.dtype
) -> None:
    model = case.decoder().to(dtype)
    ids, padding = padded([some_ids(1, length)[0] for length in (3, 12, 7)])
    ids = torch.cat((ids, some_ids(3, 4)), dim=1)
    chunks = [*prompt, 1, 1, 1, 1]
    logits = decoded(model, ids, chunks, model.new_state(3, padding=padding))
    assert logits.isfinite().all()
    for row, skip in enumerate(padding.tolist()):
        alone = model(ids[row : row + 1, skip:])[:, -5:]
        torch.testing.assert_close(logits[row : row + 1, -5:], alone, **TOLERANCE[dtype])


@every_pair
def test_selected_rows_go_on_as_if_alone(case: Case) -> None:
    model = case.decoder()
    ids, padding = padded([some_ids(1, length)[0] for length in (3, 7, 5)])
    state = model.new_state(3, padding=padding)
    model.decode(ids, state)
    rows = torch.tensor([2, 0, 0])
    state.select(rows)
    ids = torch.cat((ids[rows], some_ids(3, 3)), dim=1)
    logits = decoded(model, ids[:, 7:], [1, 1, 1], state)
    for row, skip in enumerate(padding[rows].tolist()):
        alone = model(ids[row : row + 1, skip:])[:, -3:]
        torch.testing.assert_close(logits[row : row + 1], alone, **TOLERANCE[torch.float64])


@endless
@pytest.mark.parametrize(
    "chunks",
    [[10] + 30 * [1], [14, 9] + 17 * [1], [25] + 15 * [1]],
    ids=["tokens", "a chunk across the end", "a prompt beyond the end"],
)
def test_past_max_seq_len_decoding_equals_a_full_forward_with_a_window(
    case: Case, chunks: list[int]
) -> None:
    model, longer = case.decoder(), windowed(case)
    ids = some_ids(2, 40)
    expected = after(longer(ids), chunks)
    torch.testing.assert_close(decoded(model, ids, chunks), expected, **TOLERANCE[torch.float64])


@endless
def test_past_max_seq_len_padded_rows_equal_each_row_alone(case: Case) -> None:
    model, longer = case.decoder(), windowed(case)
    ids, padding = padded([some_ids(1, 12)[0], some_ids(1, 5)[0]])
    ids = torch.cat((ids, some_ids(2, 28)), dim=1)
    logits = decoded(model, ids, [12] + 28 * [1], model.new_state(2, padding=padding))
    for row, skip in enumerate(padding.tolist()):
        alone = longer(ids[row : row + 1, skip:])[:, -29:]
        torch.testing.assert_close(logits[row : row + 1], alone, **TOLERANCE[torch.float64])


def windowed(case: Case) -> Decoder:
    """The same weights with a context of 64, its attention sliding in the window of ``case``."""
    window = REQUIRED.get(case.attention, {"window": CONTEXT})["window"]
    model = Case("sliding", case.position, {**case.options, "window": window}).decoder(64)
    model.load_state_dict(case.decoder().state_dict())
    return model


@pytest.mark.parametrize("attention", ["full", "sliding"])
def test_positions_that_end_are_refused_past_their_end(attention: str) -> None:
    model = Case(attention, "learned", {}).decoder()
    state = model.new_state(1)
    model.decode(some_ids(1, CONTEXT), state)
    with pytest.raises(ValueError, match="positions end at 16 tokens"):
        model.decode(some_ids(1, 1), state)
