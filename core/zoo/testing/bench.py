"""Build a component under test with its host, and check properties all model parts share."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zoo.catalog.component import Component, find_component
from zoo.catalog.plugins import registry
from zoo.contracts import Dims, as_out
from zoo.model.build import Build, seeded
from zoo.model.returned import unfit_sums
from zoo.testing.accelerator import DEVICE, Accelerator, elsewhere
from zoo.testing.compare import (
    Complaints,
    differing,
    disturbed,
    not_finite,
    parameters,
    reseed_all,
    short,
)

DIMS = Dims(d_model=32, n_layers=2, n_heads=4, head_dim=8, max_seq_len=16, vocab_size=50)
DTYPES = (torch.float32, torch.bfloat16, torch.float64)
LEADS = ((), (3,), (2, 5), (2, 4, 5))


def named(kind: str, name: str) -> Component:
    """A registered component, to use with the one under test."""
    return find_component(registry(), kind, name, {})


def build(path: str = "under-test", dims: Dims = DIMS) -> Build:
    """A host as parts know it in the first layer."""
    return Build(
        dims,
        norm=named("norm", "rmsnorm"),
        activation=named("activation", "swiglu"),
        layer=0,
        path=path,
    )


@dataclass(frozen=True)
class Bench:
    """Where parts of a kind are tried out.

    Attributes:
        make: makes one.
        run: puts x (B, T, width) through it.
        width: of what it takes.
    """

    make: Callable[[Component], Any]
    run: Callable[[Any, Tensor], Tensor]
    width: Callable[[Any], int] = lambda part: DIMS.d_model

    def input(self, part: Any, *lead: int, dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.randn(*(lead or (3, 7)), self.width(part)).to(dtype)

    def precise(self, component: Component) -> Any:
        """One in float64, its weights moved, for results that can be compared."""
        part = self.make(component)
        return disturbed(part.double() if isinstance(part, nn.Module) else part)

    def type_kept(self, component: Component) -> Complaints:
        """The output has the type that input and weights have, bfloat16 included."""
        for dtype in DTYPES:
            part = self.make(component)
            if isinstance(part, nn.Module):
                part.to(dtype)
            y = self.run(part, self.input(part, dtype=dtype))
            if y.dtype != dtype:
                yield f"{short(dtype)} in, {short(y.dtype)} out"

    def finite(self, component: Component) -> Complaints:
        """Outputs and gradients are finite, on zeros and on large inputs too."""
        for what, factor in (("random", 1.0), ("zero", 0.0), ("large", 1000.0)):
            part = self.make(component)
            x = (factor * self.input(part, dtype=torch.float32)).requires_grad_()
            y = self.run(part, x)
            yield from not_finite(f"output on {what} input", [y])
            (y * torch.randn_like(y)).sum().backward()
            gradients = [x.grad, *(p.grad for p in parameters(part).values())]
            yield from not_finite(f"gradients on {what} input", gradients)

    def tokens_alone(self, component: Component) -> Complaints:
        """Each token's output depends on that token alone."""
        part = self.precise(component)
        x = self.input(part)
        whole = self.run(part, x)
        for row, at in ((0, 0), (1, 3), (2, 6)):
            alone = self.run(part, x[row : row + 1, at : at + 1])[0, 0]
            yield from differing("a token among others and alone", whole[row, at], alone)

    def width_kept(self, component: Component) -> Complaints:
        """(B, T, d_model) -> (B, T, d_model), as y or in an Out, whatever the length."""
        part = self.make(component)
        for shape in ((1, 1, DIMS.d_model), (2, DIMS.max_seq_len, DIMS.d_model)):
            y = self.run(part, torch.randn(shape))
            if y.shape != shape:
                yield f"{shape} in, {tuple(y.shape)} out"

    def causal(self, component: Component) -> Complaints:
        """Later tokens change nothing earlier, in evaluation."""
        part = self.precise(component)
        x = self.input(part, 2, DIMS.max_seq_len)
        y = self.run(part, x)
        for cut in (1, 6, 7, 15):
            changed = torch.cat((x[:, :cut], self.input(part, 2, DIMS.max_seq_len - cut)), dim=1)
            seen = self.run(part, changed)[:, :cut]
            yield from differing(f"outputs before token {cut}, which changed", seen, y[:, :cut])

    def rows_alone(self, component: Component) -> Complaints:
        """The rows of a batch don't see each other, in evaluation."""
        part = self.precise(component)
        x = self.input(part, 3, 7)
        yield from differing(
            "a row among others and alone", self.run(part, x)[1:2], self.run(part, x[1:2])
        )

    def parameters_take_part(self, component: Component) -> Complaints:
        """Every parameter gets a gradient in every step: else training in parallel stops."""
        part = self.make(component)
        x = self.input(part, dtype=torch.float32).requires_grad_()
        self.run(part, x).sum().backward()
        for name, parameter in parameters(part).items():
            if parameter.requires_grad and parameter.grad is None:
                yield f"{name} has none"

    def parameters_have_dimensions(self, component: Component) -> Complaints:
        """Every parameter has at least one dimension: a single number has the shape (1,)."""
        for name, parameter in parameters(self.make(component)).items():
            if parameter.ndim == 0:
                yield f"{name} has none"

    def weightless(self, component: Component) -> Complaints:
        """On the meta device it is made without memory for its weights."""
        with torch.device("meta"):
            part = self.make(component)
        for name, parameter in parameters(part).items():
            if parameter.device.type != "meta":
                yield f"{name} was put on {parameter.device}"

    def draws_repeat(self, component: Component) -> Complaints:
        """First weights are drawn from torch's global generator and from nothing else."""
        made = []
        for luck in (1, 2):
            reseed_all(luck)
            with seeded(0, "under-test"):
                made.append(parameters(self.make(component)))
        for name, parameter in made[0].items():
            if not torch.equal(parameter, made[1][name]):
                yield f"{name} differs between two that were made with the same seed"

    def state_saved(self, component: Component) -> Complaints:
        """state_dict() holds all that matters: loaded into another, it makes the same outputs."""
        saved, other = self.precise(component), self.precise(component)
        if not isinstance(saved, nn.Module):
            return
        other.load_state_dict(saved.state_dict())
        x = self.input(saved)
        yield from differing("the output of a copy", self.run(other, x), self.run(saved, x), 0)

    def copyable(self, component: Component) -> Complaints:
        """copy.deepcopy works after a training forward, and the copy gives the same outputs."""
        part = self.precise(component)
        x = self.input(part)
        y = self.run(part, x.requires_grad_())
        yield from differing("the output of a deep copy", self.run(copy.deepcopy(part), x), y, 0)

    def on_accelerator(self, component: Component) -> Complaints:
        """On a GPU all that it makes is there too, and nothing waits for a value (item, a mask)."""
        part = self.make(component)
        if isinstance(part, nn.Module):
            part.to(DEVICE)
        for _ in range(2):  # what is kept from the first call included
            x = torch.randn(3, 7, self.width(part), device=DEVICE, requires_grad=True)
            with Accelerator():
                y = self.run(part, x)
                yield from elsewhere("the output", [y])
                y.sum().backward()
            gradients = [p.grad for p in parameters(part).values() if p.grad is not None]
            yield from elsewhere("the gradients", gradients)

    @property
    def of_weights(self) -> tuple[Callable[[Component], Complaints], ...]:
        """The properties that concern parameters."""
        return (
            self.parameters_take_part,
            self.parameters_have_dimensions,
            self.weightless,
            self.draws_repeat,
            self.state_saved,
            self.copyable,
        )


def no_module(part: Any) -> Complaints:
    if not isinstance(part, nn.Module):
        yield f"it is a {type(part).__name__}, no torch.nn.Module"


def no_tensor(y: Any) -> Complaints:
    if not isinstance(y, Tensor):
        yield f"returns a {type(y).__name__} instead of a tensor"


def sums_taken_back(part: Any, returned: Any) -> Complaints:
    """What a part's losses and statistics lack, and hands it the statistics as a host does."""
    out = as_out(returned)
    unfit = list(unfit_sums(part, out))
    yield from unfit
    if out.stats and not unfit:
        part.after_step({name: value.detach() for name, value in out.stats.items()})
