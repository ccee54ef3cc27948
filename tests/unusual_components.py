"""Components unlike the built-in ones that keep everything that the core relies on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from zoo.contracts import BlockBuild, Build, Dims, Make, Optimizer, Out, Param, as_out, ref
from zoo.model.sequence import Seq
from zoo_builtin.attention.softmax import FullAttention
from zoo_builtin.blocks import PreNorm
from zoo_builtin.feedforward import MLP
from zoo_builtin.optimizers.elementwise import SGD

NOTHING: Mapping[str, Tensor] = MappingProxyType({})


class LinearAttention(nn.Module):
    """Recurrent: the sum of k vᵀ is all that it keeps, and it forgets nothing."""

    accepts = frozenset({"qk"})

    def __init__(self, build: Build) -> None:
        super().__init__()
        dims = build.dims
        self.n_heads, self.head_dim = dims.n_heads, dims.head_dim
        width = dims.n_heads * dims.head_dim
        self.qkv = build.linear(dims.d_model, {"q": width, "k": width, "v": width})
        self.out = build.linear(width, dims.d_model, residual=True)

    def forward(
        self,
        x: Tensor,
        seq: Seq,
        cache: dict[str, Tensor] | None = None,
        carry: Mapping[str, Tensor] = NOTHING,
    ) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for part in self.qkv.split(self.qkv(x))
        )
        q, k = seq.rotate(q), seq.rotate(k, key=True) * (seq.pos >= 0)[:, None, :, None]
        sums_BHTDD = (k.unsqueeze(-1) * v.unsqueeze(-2)).cumsum(2)
        if cache is not None:
            sums_BHTDD = sums_BHTDD + cache["sum"].unsqueeze(2)
            cache["sum"].copy_(sums_BHTDD[:, :, -1])
        y = (q.unsqueeze(-2) @ sums_BHTDD).squeeze(-2)
        return self.out(y.transpose(1, 2).flatten(2))

    def new_cache(
        self, batch: int, max_len: int, device: torch.device, dtype: torch.dtype
    ) -> dict[str, Tensor]:
        shape = (batch, self.n_heads, self.head_dim, self.head_dim)
        return {"sum": torch.zeros(shape, device=device, dtype=dtype)}


class ValueResidual(FullAttention):
    """Adds to each layer's input some of the first layer's, which it hands on."""

    def __init__(self, build: Build) -> None:
        super().__init__(build)
        self.first = build.layer == 0
        if not self.first:
            self.share = nn.Parameter(torch.full((1,), 0.5))

    def forward(
        self,
        x: Tensor,
        seq: Seq,
        cache: dict[str, Tensor] | None = None,
        carry: Mapping[str, Tensor] = NOTHING,
    ) -> Tensor | Out:
        if self.first:
            return Out(super().forward(x, seq, cache), carry={"x": x})
        return super().forward(x + self.share * carry["x"], seq, cache)


class RelativeBias(nn.Module):
    """A learned bias for each distance and head, the same beyond the last."""

    acts_on = frozenset({"scores"})
    limit = None

    def __init__(self, dims: Dims, *, distances: int = 4) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(dims.n_heads, distances))

    def bias(self, q_pos: Tensor, k_pos: Tensor) -> Tensor:
        distance = q_pos[:, :, None] - k_pos[:, None, :]
        biases = self.table[:, distance.clamp(0, self.table.shape[1] - 1)]
        return biases.transpose(0, 1)


class Balanced(MLP):
    """Counts its tokens, and has a loss of its own."""

    def forward(self, x: Tensor) -> Out:
        y = super().forward(x)
        tokens = torch.tensor(float(x.shape[0] * x.shape[1]))
        return Out(y, losses={"size": y.square().sum()}, stats={"tokens": tokens})

    def after_step(self, stats: Mapping[str, Tensor]) -> None:
        self.seen = stats["tokens"]


class Skips(PreNorm):
    """A U-net: layers of the second half add some of what the first half's handed on."""

    def __init__(self, build: BlockBuild) -> None:
        super().__init__(build)
        below = build.dims.n_layers // 2
        self.own = f"skip {build.layer}" if build.layer < below else None
        self.other = f"skip {build.dims.n_layers - 1 - build.layer}"
        self.share = None if self.own else nn.Parameter(torch.full((1,), 0.5))

    def forward(
        self,
        x: Tensor,
        seq: Seq,
        cache: dict[str, Tensor] | None = None,
        carry: Mapping[str, Tensor] = NOTHING,
    ) -> Out:
        if self.share is not None and self.other in carry:
            x = x + self.share * carry[self.other]
        out = super().forward(x, seq, cache, carry)
        return out._replace(carry={self.own: out.y}) if self.own else out


class InputResidual(nn.Module):
    """Mixes into each layer's input what the first layer was given; attention alone, twice."""

    def __init__(self, build: BlockBuild) -> None:
        super().__init__()
        self.first, self.second = build.attention("first"), build.attention("second")
        self.norm = build.norm(build.dims.d_model)
        self.share = nn.Parameter(torch.full((1,), 0.5))

    def forward(
        self,
        x: Tensor,
        seq: Seq,
        cache: dict[str, Tensor] | None = None,
        carry: Mapping[str, Tensor] = NOTHING,
    ) -> Out:
        first = carry.get("input", x)
        x = x + self.share * first
        of_parts = {}
        for name in ("first", "second"):
            its = None
            if cache is not None:
                its = {
                    key[len(name) :]: held
                    for key, held in cache.items()
                    if key[: len(name)] == name
                }
            mixed = of_parts[name] = as_out(getattr(self, name)(self.norm(x), seq, its, carry))
            x = x + mixed.y
        return Out(x, carry={"input": first}, of_parts=of_parts)

    def new_cache(
        self, batch: int, max_len: int, device: torch.device, dtype: torch.dtype
    ) -> dict[str, Tensor]:
        return {
            name + key: tensor
            for name in ("first", "second")
            for key, tensor in getattr(self, name).new_cache(batch, max_len, device, dtype).items()
        }


class Sign(SGD):
    """Matrices by the sign of their gradient, the others by an optimizer of the recipe's choice."""

    def update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        super().update(group, params, [grad.sign() for grad in grads])


def sign_and_rest(
    params: list[Param], *, lr: float = 1e-3, rest: Make[Optimizer] = ref("adamw")
) -> list[Any]:
    matrices = [param for param in params if param.role == "matrix"]
    return [
        Sign(matrices, lr=lr, momentum=0.0),
        rest([param for param in params if param.role != "matrix"]),
    ]


class Averaging(SGD):
    """Evaluates the mean of all weights so far (Polyak), and trains the last ones."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        result = super().step(closure)
        for param in self.parameters():
            state = self.state[param]
            count = state["count"] = state.get("count", 0) + 1
            mean = state.setdefault("mean", torch.zeros_like(param))
            mean.lerp_(param, 1 / count)
        return result

    def parameters(self) -> Iterable[Tensor]:
        return (param for group in self.param_groups for param in group["params"])

    @torch.no_grad()
    def eval(self) -> None:
        for param in self.parameters():
            if "mean" in self.state[param]:
                self.state[param]["trained"] = param.clone()
                param.copy_(self.state[param]["mean"])

    @torch.no_grad()
    def train(self) -> None:
        for param in self.parameters():
            if "trained" in self.state[param]:
                param.copy_(self.state[param].pop("trained"))


class NoRepeats:
    """Keeps a state of its own: no token twice in a row."""

    def __call__(self, logits: Tensor, history: Tensor, state: dict[str, Any]) -> Tensor:
        state["last"] = history[:, -1:].clamp(min=0)
        lowered = logits.gather(-1, state["last"]) - 5
        return logits.scatter(-1, state["last"], lowered)


def tanh_gate(build: Build) -> Callable[[Tensor], Tensor]:
    """A plain function with an attribute is an activation too."""

    def activation(x: Tensor) -> Tensor:
        gate, up = x.chunk(2, dim=-1)
        return gate.tanh() * up

    activation.fan_in = 2  # type: ignore[attr-defined]
    return activation


COMPONENTS: list[tuple[str, Callable[..., Any]]] = [
    ("attention", LinearAttention),
    ("attention", ValueResidual),
    ("position", RelativeBias),
    ("feedforward", Balanced),
    ("block", Skips),
    ("block", InputResidual),
    ("optimizer", sign_and_rest),
    ("optimizer", Averaging),
    ("sampler", NoRepeats),
    ("activation", tanh_gate),
]
