"""Feed-forward parts that each break something that the core relies on."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from broken.case import Case
from zoo.contracts import Build, Out
from zoo_builtin.feedforward import MLP


class Mixing(MLP):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + x.mean(1, keepdim=True))


class Narrowing(MLP):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[..., :16]


class LossPerToken(MLP):
    def forward(self, x: Tensor) -> Out:
        y = super().forward(x)
        return Out(y, losses={"size": y.square().mean(-1)})


class Routed(MLP):
    """Takes the order of its tokens to the host and back, as a careless router would."""

    def forward(self, x: Tensor) -> Tensor:
        order = x.detach().sum(-1).argsort(-1).cpu().argsort(-1).argsort(-1).to(x.device)
        return super().forward(x) + 0 * order[..., None].to(x.dtype)


def untrained(build: Build) -> Callable[[Tensor], Tensor]:
    return MLP(build).forward


class Uncollected(MLP):
    def forward(self, x: Tensor) -> Out:
        y = super().forward(x)
        return Out(y, stats={"load": y.detach().sum((0, 1))})


CASES = [
    Case("feedforward", Routed, "on_accelerator", ".cpu(), .tolist() or .to('cpu') needs a value"),
    Case("feedforward", untrained, "made", "it is a method, no torch.nn.Module"),
    Case("feedforward", Mixing, "tokens_alone", "differs"),
    Case("feedforward", Narrowing, "width_kept", "(1, 1, 32) in, (1, 1, 16) out"),
    Case("feedforward", LossPerToken, "sums_beside_the_output", "loss 'size' of shape (2, 5)"),
    Case("feedforward", Uncollected, "sums_beside_the_output", "('load') and has no after_step"),
]
