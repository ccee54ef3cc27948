"""Model parameters with their roles, and the optimizer's parameter groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from zoo.contracts import Param, ParamRule
from zoo.model.decoder import Head
from zoo.model.layers import Embedding, Linear


def named_params(model: nn.Module, rules: Sequence[ParamRule] = ()) -> list[Param]:
    """A model's parameters, each once, with role, fused parts and the rules' multipliers.

    A weight that embedding and head share counts as embedding. A module's class attribute
    ``roles`` (parameter name -> role) goes before what is derived from its type.

    Raises:
        ValueError: a rule whose name matches no parameter.
    """
    params: dict[Tensor, Param] = {}
    for path, module in model.named_modules():
        parts = tuple(module.parts.values()) if isinstance(module, Linear) else ()
        for name, tensor in module.named_parameters(recurse=False):
            full_name = f"{path}.{name}".lstrip(".")
            found = Param(full_name, tensor, role(module, name, tensor), parts)
            params.setdefault(tensor, found)
    return apply_rules(list(params.values()), rules)


def role(owner: nn.Module, name: str, tensor: Tensor) -> str:
    """ "embedding", "head", "matrix" (two dimensions or more) or "vector"."""
    if declared := getattr(owner, "roles", {}).get(name):
        return str(declared)
    if isinstance(owner, Embedding):
        return "embedding"
    if isinstance(owner, Head):
        return "head"
    return "matrix" if tensor.ndim >= 2 else "vector"


def apply_rules(params: list[Param], rules: Sequence[ParamRule]) -> list[Param]:
    """The parameters with the rules' multipliers; where several rules match, they multiply."""
    for nth, rule in enumerate(rules):
        hits = [
            (rule.role is None or rule.role == p.role)
            and (rule.name is None or fnmatchcase(p.name, rule.name))
            for p in params
        ]
        # A rule for a role stays right where a swapped part took the role's parameters with it.
        if rule.name is not None and not any(hits):
            roles = ", ".join(sorted({p.role for p in params}))
            raise ValueError(f"params[{nth}] matches no parameter (roles here: {roles})")
        params = [
            p._replace(lr=p.lr * rule.lr, weight_decay=p.weight_decay * rule.weight_decay)
            if hit
            else p
            for p, hit in zip(params, hits, strict=True)
        ]
    return params


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
