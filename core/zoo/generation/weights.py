"""Convert a model's weights for decoding: matmul precision and packed layout."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

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


def can_pack(model: Decoder) -> bool:
    """Whether products in bfloat16 on the CPU go through oneDNN, which packs matrices."""
    weight = model.embedding.weight
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.bfloat16
        and torch.backends.mkldnn.is_available()
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def pack(model: Decoder, rows: int) -> None:
    """Packs the matrices of all linear maps for products with so many rows.

    The weights themselves stay: whoever changes them must pack anew.
    """
    if can_pack(model):
        for module in model.modules():
            if isinstance(module, (Linear, Head)):
                module.packed = packed(module.weight, rows)


def unpack(model: Decoder) -> None:
    for module in model.modules():
        if isinstance(module, (Linear, Head)):
            module.packed = None
