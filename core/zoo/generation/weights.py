"""Convert a model's weights for decoding: device, precision and packed layout."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from zoo.model.decoder import Decoder, Head
from zoo.model.layers import Linear, packed


def load_weights(model: Decoder, weights: Mapping[str, Tensor], dtype: torch.dtype) -> Decoder:
    """Puts weights into a model that was made without any, in this type; in evaluation mode."""
    if dtype != torch.float32:
        distinct: dict[int, Tensor] = {}
        for tensor in weights.values():  # several names may share one
            wanted = dtype if tensor.is_floating_point() else tensor.dtype
            distinct.setdefault(id(tensor), tensor.to(wanted))
        weights = {name: distinct[id(tensor)] for name, tensor in weights.items()}
        model.load_state_dict(weights, assign=True)
        return model.to(dtype).requires_grad_(False).eval()
    model.load_state_dict(weights)
    return model.eval()


def own_copy(model: Decoder, device: torch.device) -> Decoder:
    """Copy a model's modules to a device, in evaluation mode, sharing tensors that are there.

    The model itself is not changed.
    """
    moved: dict[int, Any] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        there = tensor.detach().to(device)
        learnt = isinstance(tensor, nn.Parameter)
        moved[id(tensor)] = nn.Parameter(there, requires_grad=False) if learnt else there
    return copy.deepcopy(model, moved).eval()


def can_pack(model: Decoder) -> bool:
    """Whether products in bfloat16 on the CPU go through oneDNN, which packs matrices."""
    weight = model.embedding.weight
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.bfloat16
        and torch.backends.mkldnn.is_available()
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def packed_for(model: Decoder, rows: int) -> Decoder:
    """Copy a model, sharing its tensors, with matrices packed for a batch size.

    Return the model itself where matmuls don't use packed matrices.
    """
    if not can_pack(model):
        return model
    copied = own_copy(model, model.embedding.weight.device)
    for module in copied.modules():
        if isinstance(module, (Linear, Head)):
            module.packed = packed(module.weight, rows)
    return copied
