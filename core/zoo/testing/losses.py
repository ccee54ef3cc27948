"""Conformance of losses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from zoo.catalog.component import Component
from zoo.model.decoder import Head
from zoo.model.returned import unusable_loss
from zoo.model.sequence import Seq
from zoo.testing.bench import DIMS, Bench
from zoo.testing.compare import Complaints, differing, not_finite

UPSTREAM = 0.37
STEP = 0.02
MANY_TOKENS = 16_384


def head(scale: float = 0.3) -> Head:
    return Head(nn.Parameter(scale * torch.randn(DIMS.vocab_size, DIMS.d_model)))


def batch() -> tuple[Tensor, Tensor]:
    """Hidden states (3, 6, d_model) and targets (3, 6), the last of some rows ignored."""
    targets = torch.randint(DIMS.vocab_size, (3, 6))
    targets[1, 4:] = -1
    targets[2, 1:] = -1
    return torch.randn(3, 6, DIMS.d_model), targets


def scored(loss: Any, hidden: Tensor, its_head: nn.Module, targets: Tensor) -> dict[str, Tensor]:
    """The sum to minimise, under "total", and its parts."""
    total, parts = loss(hidden, its_head, targets, Seq.of_length(hidden.shape[1], hidden.device))
    return {"total": total, **parts}


def run(loss: Any, hidden: Tensor) -> Tensor:
    where = hidden.device
    targets = torch.arange(hidden.shape[:-1].numel(), device=where).reshape(hidden.shape[:-1])
    entries = torch.linspace(-1, 1, DIMS.vocab_size * DIMS.d_model, device=where)
    weight = entries.reshape(-1, DIMS.d_model)
    fixed = Head(nn.Parameter(weight.sin().to(hidden.dtype)))
    return scored(loss, hidden, fixed, targets % DIMS.vocab_size)["total"]


bench = Bench(lambda component: component(), run)


def made(component: Component) -> Complaints:
    """(hidden, head, targets, seq) -> (sum to minimise, {"nll": sum, …}), 0-dimensional tensors."""
    hidden, targets = batch()
    its = Seq.of_length(6, hidden.device)
    yield from unusable_loss(component()(hidden, head(), targets, its))


def nll_true(component: Component) -> Complaints:
    """ "nll" is the sum over the targets of −log softmax(head(hidden))[target], in nats."""
    (hidden, targets), its_head = batch(), head()
    log_p = its_head(hidden).double().log_softmax(-1)
    picked = log_p.gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    asked = -(picked * (targets >= 0)).sum()
    nll = scored(component(), hidden, its_head, targets)["nll"]
    yield from differing("nll", nll.double(), asked, 1e-5)


def sums_add_up(component: Component) -> Complaints:
    """Everything is a sum: of a batch it is that of its rows, added up, however it is cut."""
    (hidden, targets), its_head, loss = batch(), head(), component()
    whole = scored(loss, hidden, its_head, targets)
    rows = [scored(loss, hidden[[n]], its_head, targets[[n]]) for n in range(len(hidden))]
    for name, value in whole.items():
        added = torch.stack([row[name] for row in rows]).sum()
        yield from differing(f"{name} of a batch against that of its rows", value, added, 1e-4)


def ignored_targets_count_nothing(component: Component) -> Complaints:
    """Where the target is −1, the hidden state changes nothing and gets no gradient."""
    (hidden, targets), its_head, loss = batch(), head(), component()
    ignored = (targets < 0).unsqueeze(-1)
    changed = torch.where(ignored, torch.randn_like(hidden), hidden).requires_grad_()
    seen, asked = (scored(loss, h, its_head, targets) for h in (changed, hidden))
    for name in asked:
        yield from differing(f"{name} after a change there", seen[name], asked[name], 1e-5)
    seen["total"].backward()
    assert changed.grad is not None
    gradient = changed.grad[ignored.expand_as(hidden)]
    yield from differing("the gradient there", gradient, torch.zeros_like(gradient), 0)


def nothing_to_predict_is_zero(component: Component) -> Complaints:
    """With no target but −1, everything is 0 and the gradients are too."""
    hidden, its_head = batch()[0].requires_grad_(), head()
    sums = scored(component(), hidden, its_head, torch.full((3, 6), -1))
    sums["total"].backward()
    for name, value in {**sums, "gradient": hidden.grad}.items():
        if value is not None and not (value == 0).all():
            yield f"{name} is {value.abs().max().item():.3g}"


def gradients_true(component: Component) -> Complaints:
    """The gradients of hidden states and head are the slope of the sum, whatever is upstream."""
    loss = component()
    (hidden, targets), its_head = batch(), head()
    leaves = [hidden.requires_grad_(), its_head.weight]
    (UPSTREAM * scored(loss, hidden, its_head, targets)["total"]).backward()
    for name, leaf in zip(("hidden states", "the head's weight"), leaves, strict=True):
        if leaf.grad is None:
            yield f"{name}: no gradient"
            continue
        size = leaf.grad.norm().item()
        for direction in (leaf.grad.clone(), *(torch.randn_like(leaf) for _ in range(3))):
            direction = direction / direction.norm().clamp(min=1e-12)
            seen = (leaf.grad * direction).sum().item()
            asked = UPSTREAM * slope(loss, hidden, its_head, targets, leaf, direction)
            if abs(seen - asked) > 0.01 * abs(asked) + 1e-3 * size:
                yield f"{name}: {seen:.4g} in a direction whose slope is {asked:.4g}"


@torch.no_grad()
def slope(
    loss: Any, hidden: Tensor, its_head: Head, targets: Tensor, leaf: Tensor, direction: Tensor
) -> float:
    """How fast the sum grows along a direction of a leaf, by its values on either side."""
    values = []
    for side in (STEP, -2 * STEP):
        leaf.add_(direction, alpha=side)
        values.append(scored(loss, hidden, its_head, targets)["total"].item())
    leaf.add_(direction, alpha=STEP)
    return (values[0] - values[1]) / (2 * STEP)


def same_without_gradients(component: Component) -> Complaints:
    """Evaluating without gradients gives the same sums."""
    (hidden, targets), its_head, loss = batch(), head(), component()
    asked = scored(loss, hidden.requires_grad_(), its_head, targets)
    with torch.no_grad():
        seen = scored(loss, hidden, its_head, targets)
    for name, value in asked.items():
        yield from differing(name, seen[name], value.detach(), 1e-5)


def large_logits_stay_finite(component: Component) -> Complaints:
    """Logits of ±10,000 neither overflow nor become NaN, forwards and backwards."""
    hidden, targets = batch()
    its_head = head()
    factor = 1e4 / its_head(hidden).abs().max().item()
    large = (factor * hidden).detach().requires_grad_()
    sums = scored(component(), large, its_head, targets)
    sums["total"].backward()
    yield from not_finite("sums", sums.values())
    yield from not_finite("gradients", [large.grad, its_head.weight.grad])


class _CountingHead(Head):
    """Remembers how many rows of logits it made in one call, at the most."""

    most = 0

    def forward(self, hidden: Tensor) -> Tensor:
        self.most = max(self.most, hidden.shape[:-1].numel())
        return super().forward(hidden)


def logits_in_chunks(component: Component) -> Complaints:
    """The logits of a large batch are never formed all at once."""
    counting = _CountingHead(nn.Parameter(torch.randn(5, 8)))
    hidden = torch.randn(8, MANY_TOKENS // 8, 8, requires_grad=True)
    scored(component(), hidden, counting, torch.randint(5, hidden.shape[:2]))["total"].backward()
    if counting.most >= MANY_TOKENS:
        yield f"one call of head for the logits of all {MANY_TOKENS:,} tokens"


PROPERTIES = (
    made,
    nll_true,
    sums_add_up,
    ignored_targets_count_nothing,
    nothing_to_predict_is_zero,
    gradients_true,
    same_without_gradients,
    large_logits_stay_finite,
    logits_in_chunks,
    bench.on_accelerator,
    *bench.of_weights,
)
