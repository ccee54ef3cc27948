"""The parameters of a model as its optimizer sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from zoo.contracts import Param


def groups(
    params: Iterable[Param | Tensor], *, lr: float, weight_decay: float = 0.0
) -> list[dict[str, Any]]:
    """Parameter groups for a ``torch.optim.Optimizer``, one per distinct pair of multipliers.

    A group's "lr" and "weight_decay" are the optimizer's own times those of its parameters; plain
    tensors, such as ``model.parameters()``, have multipliers of 1. Groups and the parameters in
    them keep the order of ``params``.
    """
    tensors: dict[tuple[float, float], list[Tensor]] = {}
    for param in params:
        if isinstance(param, Param):
            tensors.setdefault((param.lr, param.weight_decay), []).append(param.tensor)
        else:
            tensors.setdefault((1.0, 1.0), []).append(param)
    return [
        {"params": members, "lr": lr * lr_factor, "weight_decay": weight_decay * decay_factor}
        for (lr_factor, decay_factor), members in tensors.items()
    ]
