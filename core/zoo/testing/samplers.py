"""Conformance of samplers."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from zoo.catalog.component import Component
from zoo.testing.accelerator import DEVICE, Accelerator, elsewhere
from zoo.testing.compare import Complaints, differing, reseed_all

VOCAB = 20
PROMPT = torch.tensor([[-1, -1, 5, 6], [0, 1, 6, 7], [-1, 7, 7, 7]])
STEPS = 4


def logits(rows: int = 3) -> Tensor:
    return 3 * torch.randn(rows, VOCAB)


def made(component: Component) -> Complaints:
    """(logits, history, state) -> logits, of the shape and type that came in."""
    sampler = component()
    before = logits()
    after = sampler(before.clone(), PROMPT, {})
    if (after.shape, after.dtype) != (before.shape, before.dtype):
        yield f"{before.dtype} {tuple(before.shape)} in, {after.dtype} {tuple(after.shape)} out"


def leaves_a_distribution(component: Component) -> Complaints:
    """Each row keeps a token that can be drawn: finite, or −∞ where excluded, and not all −∞."""
    sampler = component()
    for what, given in (("random", logits()), ("equal", torch.zeros(3, VOCAB)), ("chained", cut())):
        after = sampler(given.clone(), PROMPT, {})
        if after.isnan().any() or (after == math.inf).any():
            yield f"{what} logits become NaN or +∞"
        if not after.isfinite().any(-1).all():
            yield f"of {what} logits a row has none left"


def cut() -> Tensor:
    """Logits of which an earlier sampler of the chain left a few, and in one row only one."""
    given = logits().masked_fill(torch.rand(3, VOCAB) < 0.5, -math.inf)
    given[0] = -math.inf
    given[:, 3] = 1.0
    return given


def excluded_stays_excluded(component: Component) -> Complaints:
    """What an earlier sampler of a chain excluded does not come back."""
    given = cut()
    after = component()(given.clone(), PROMPT, {})
    if back := int((after[given == -math.inf] != -math.inf).sum()):
        yield f"{back} tokens came back"


def rows_alone(component: Component) -> Complaints:
    """Each row of a batch is treated as if it were alone, from one token to the next."""
    steps = [logits() for _ in range(STEPS)]
    together = sampled(component(), steps)
    for row in range(3):
        alone = sampled(component(), [given[[row]] for given in steps], [row])
        yield from differing("a row among others and alone", together[:, [row]], alone)


def rows_can_end(component: Component) -> Complaints:
    """Tensors in its state are batch first, so that rows that ended can be dropped from them."""
    kept = [2, 0]
    steps = [logits() for _ in range(STEPS)]
    after = sampled(component(), steps, end=kept)
    whole = sampled(component(), steps)[-1][kept]
    yield from differing("the rows that go on", after[-1], whole)


def sampled(
    sampler: Any, steps: list[Tensor], rows: list[int] | None = None, end: list[int] | None = None
) -> Tensor:
    """What it makes of each step's logits, the best token being added to the history each time.

    Before the last step only the rows ``end`` are kept, as the core does when others ended.
    """
    history = (PROMPT if rows is None else PROMPT[rows]).to(steps[0].device)
    state: dict[str, Any] = {}
    outputs: list[Tensor] = []
    for nth, given in enumerate(steps):
        if end is not None and nth == len(steps) - 1:
            history, given = history[end], given[end]
            outputs = [output[end] for output in outputs]
            state.update({k: v[end] for k, v in state.items() if isinstance(v, Tensor)})
        outputs.append(sampler(given.clone(), history, state))
        history = torch.cat((history, given.argmax(-1, keepdim=True)), dim=1)
    return torch.stack(outputs)


def draws_nothing(component: Component) -> Complaints:
    """It draws nothing itself: the core draws, by a generator of each row's own."""
    steps = [logits() for _ in range(STEPS)]
    results = []
    for luck in (1, 2):
        reseed_all(luck)
        results.append(sampled(component(), steps))
    yield from differing("two calls with the same logits", results[0], results[1], 0)


def on_accelerator(component: Component) -> Complaints:
    """On a GPU all that it makes is there too, and nothing waits for a value (item, a mask)."""
    with Accelerator():
        after = sampled(component(), [torch.empty(3, VOCAB, device=DEVICE) for _ in range(STEPS)])
        yield from elsewhere("the logits", [after])


PROPERTIES = (
    made,
    leaves_a_distribution,
    excluded_stays_excluded,
    rows_alone,
    rows_can_end,
    draws_nothing,
    on_accelerator,
)
