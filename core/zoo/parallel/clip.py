"""Clip gradients by their global norm."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def clip_grad_norm_(params: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scales all gradients together so that their global L2 norm is at most ``max_norm``.

    g ← g · min(1, max_norm / (‖g‖₂ + 10⁻⁶)) with ‖g‖₂ over every element of every gradient
    (Pascanu et al. 2013, arXiv:1211.5063). Parameters without a gradient are left out.

    Returns the norm before clipping, a 0-dim tensor on the gradients' device (float32, whatever
    narrower type they have): only reading it waits for the device. ``max_norm = inf`` measures and
    changes nothing. Where the norm is not finite the gradients stay as they are, so that the
    caller can see which of them is to blame.
    """
    grads = [p.grad for p in params if p.grad is not None]
    if not grads:
        return torch.zeros(())
    dtype = torch.promote_types(grads[0].dtype, torch.float32)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads, 2, dtype=dtype)))
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(grads, torch.where(norm.isfinite(), scale, 1.0))
    return norm
