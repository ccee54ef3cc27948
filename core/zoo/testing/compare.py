"""Describe in one line how two results differ."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Complaints = Iterator[str]


def differing(what: str, seen: Tensor, asked: Tensor, tolerance: float = 1e-6) -> Complaints:
    """A complaint where two tensors are not the same up to ``tolerance``, relative or absolute."""
    if seen.shape != asked.shape:
        yield f"{what}: shape {tuple(seen.shape)} instead of {tuple(asked.shape)}"
    elif not torch.allclose(seen, asked, rtol=tolerance, atol=tolerance):
        yield f"{what}: differs by up to {(seen - asked).abs().max().item():.2g}"


def not_finite(what: str, tensors: Iterable[Tensor | None]) -> Complaints:
    """A complaint where a tensor holds NaN or infinity."""
    for tensor in tensors:
        if tensor is not None and not tensor.isfinite().all():
            count = int((~tensor.isfinite()).sum())
            yield f"{what}: {count} of {tensor.numel()} values are not finite"


def short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def parameters(part: Any) -> dict[str, nn.Parameter]:
    """By name; none where a part is no module."""
    return dict(part.named_parameters()) if isinstance(part, nn.Module) else {}


def disturbed(part: Any) -> Any:
    """The part in evaluation mode, its parameters moved a little.

    First weights may be zeros or ones, on which much looks right that is not.
    """
    if isinstance(part, nn.Module):
        part.eval()
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return part


def reseed_all(seed: int) -> None:
    """Puts every global generator into another state."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def luck() -> tuple[Any, ...]:
    """The states of the global generators, comparable."""
    name, keys, *rest = np.random.get_state()
    return (
        torch.get_rng_state().numpy().tobytes(),
        random.getstate(),
        (name, bytes(np.asarray(keys)), *rest),
    )
