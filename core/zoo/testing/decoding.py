"""Compare cached decoding with a full forward."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from zoo.model.build import seeded
from zoo.model.decoder import Decoder
from zoo.model.kv_cache import DecodingState
from zoo.testing.accelerator import DEVICE, Accelerator, elsewhere, tensors_in
from zoo.testing.bench import DIMS, named
from zoo.testing.compare import Complaints, differing, disturbed

CHUNKS = {
    "token by token": 12 * [1],
    "a prompt, then tokens": [7, 1, 1, 1, 1, 1],
    "in chunks": [4, 1, 3, 4],
    "at once": [12],
}
PROMPTS = {"a padded prompt at once": [12], "a padded prompt in chunks": [5, 7]}
FLOAT64 = 1e-6  # logits are float32, and so are many tables of positions


def decoder(
    attention: Any, position: Any, *, block: Any = None, max_seq_len: int = DIMS.max_seq_len
) -> Decoder:
    """A model of two layers in float64, its weights moved from where they begin, always alike."""
    model = Decoder(
        DIMS.vocab_size,
        d_model=DIMS.d_model,
        n_layers=DIMS.n_layers,
        n_heads=DIMS.n_heads,
        max_seq_len=max_seq_len,
        norm=named("norm", "rmsnorm"),
        activation=named("activation", "swiglu"),
        position=position,
        attention=attention,
        feedforward=named("feedforward", "mlp"),
        block=block or named("block", "pre_norm"),
        loss=named("loss", "cross_entropy"),
    )
    with seeded(0, "moved"):
        moved: Decoder = disturbed(model.double())
    return moved


@torch.no_grad()
def decoded(
    model: Decoder, ids: Tensor, chunks: Sequence[int], state: DecodingState | None = None
) -> Tensor:
    """The logits after each chunk of ids (B, T), (B, chunks, V)."""
    assert sum(chunks) == ids.shape[1]
    state = state if state is not None else model.new_state(len(ids))
    return torch.stack([model.decode(part, state) for part in ids.split(chunks, dim=1)], dim=1)


def after(logits: Tensor, chunks: Sequence[int]) -> Tensor:
    """The same of a full forward's logits (B, T, V)."""
    return logits[:, [end - 1 for end in accumulate(chunks)]]


@torch.no_grad()
def full(model: Decoder, ids: Tensor) -> Tensor:
    """The logits of a full forward, (B, T, V)."""
    logits: Tensor = model(ids)
    return logits


def padded(prompts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Prompts of different lengths, padded on the left, and how much of each row is padding."""
    longest = max(map(len, prompts))
    padding = torch.tensor([longest - len(prompt) for prompt in prompts])
    rows = [torch.cat((prompt.new_zeros(longest - len(prompt)), prompt)) for prompt in prompts]
    return torch.stack(rows), padding


def some_ids(*shape: int) -> Tensor:
    return torch.randint(DIMS.vocab_size, shape)


def in_chunks(model: Decoder, tolerance: float = FLOAT64) -> Complaints:
    """However the tokens are cut into calls."""
    ids = some_ids(3, 12)
    logits = full(model, ids)
    for how, chunks in CHUNKS.items():
        yield from differing(how, decoded(model, ids, chunks), after(logits, chunks), tolerance)


def ragged(model: Decoder, tolerance: float = FLOAT64) -> Complaints:
    """Where prompts of different lengths are padded on the left, each row as if it were alone."""
    ids, padding = padded([some_ids(length) for length in (3, 12, 7)])
    ids = torch.cat((ids, some_ids(3, 4)), dim=1)
    for how, prompt in PROMPTS.items():
        state = model.new_state(3, padding=padding)
        logits = decoded(model, ids, [*prompt, 1, 1, 1, 1], state)[:, -5:]
        for row, skip in enumerate(padding.tolist()):
            alone = full(model, ids[row : row + 1, skip:])[0, -5:]
            yield from differing(f"{how}, {skip} of it padding", logits[row], alone, tolerance)


def rows_selected(model: Decoder, tolerance: float = FLOAT64) -> Complaints:
    """After rows were chosen, doubled and put in another order, each as if it were alone."""
    ids, padding = padded([some_ids(length) for length in (3, 7, 5)])
    state = model.new_state(3, padding=padding)
    decoded(model, ids, [7], state)
    rows = torch.tensor([2, 0, 0])
    state.select(rows)
    ids = torch.cat((ids[rows], some_ids(3, 3)), dim=1)
    logits = decoded(model, ids[:, 7:], [1, 1, 1], state)
    for row, skip in enumerate(padding[rows].tolist()):
        alone = full(model, ids[row : row + 1, skip:])[0, -3:]
        yield from differing("rows that were selected", logits[row], alone, tolerance)


def rows_replaced(model: Decoder, tolerance: float = FLOAT64) -> Complaints:
    """Where a row starts again among others, in a new cache, each as if it were alone."""
    ids = some_ids(3, 10)
    state = model.new_state(3, padding=torch.zeros(3, dtype=torch.int64))
    decoded(model, ids[:, :7], [7], state)
    fresh = model.new_state(1, padding=torch.tensor([4]))
    fresh.length = 4
    decoded(model, ids[1:2, 4:7], [3], fresh)
    state.replace(torch.tensor([1]), fresh)
    logits = decoded(model, ids[:, 7:], [1, 1, 1], state)
    for row, skip in enumerate((0, 4, 0)):
        alone = full(model, ids[row : row + 1, skip:])[0, -3:]
        yield from differing("a row that was replaced", logits[row], alone, tolerance)


def in_turn(model: Decoder, tolerance: float = FLOAT64) -> Complaints:
    """Where two texts are decoded in turn, each with a state of its own, as if it were alone."""
    chunks = [5, *7 * [1]]
    texts = [some_ids(2, 12) for _ in range(2)]
    states = [model.new_state(2) for _ in texts]
    logits: list[list[Tensor]] = [[] for _ in texts]
    for turn in zip(*(ids.split(chunks, dim=1) for ids in texts), strict=True):
        for part, state, found in zip(turn, states, logits, strict=True):
            found.append(decoded(model, part, [part.shape[1]], state)[:, 0])
    for ids, found in zip(texts, logits, strict=True):
        asked = after(full(model, ids), chunks)
        yield from differing("two texts in turn", torch.stack(found, dim=1), asked, tolerance)


def on_accelerator(model: Decoder) -> Complaints:
    """A forward with its backward, a prompt and a few tokens, on a device without values."""
    model.to(DEVICE)
    ids = torch.zeros(3, 6, dtype=torch.int64, device=DEVICE)
    with Accelerator():
        total = model(ids[:, :-1], ids[:, 1:]).total
        yield from elsewhere("the loss", [total])
        total.sum().backward()  # another property tells of a loss that is no single number
        paddings: list[Tensor | None] = [None]
        if model.position_limit is None:  # else the host asks for the longest row, which is its own
            paddings.append(torch.zeros(3, dtype=torch.int64, device=DEVICE))
        for padding in paddings:
            state = model.new_state(3, padding=padding)
            yield from elsewhere("the logits", [decoded(model, ids, [4, 1, 1], state)])
            yield from elsewhere("the cache", tensors_in(state.layers))


EVERY_WAY = (in_chunks, ragged, rows_selected, rows_replaced, in_turn)
