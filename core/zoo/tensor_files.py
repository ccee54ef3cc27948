"""Tensors by name as the bytes of a safetensors file, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_HEADER = 1 << 23  # bytes, for tens of thousands of tensors; parsing takes many times that


def packed(tensors: Mapping[str, Tensor]) -> bytes:
    """The file's bytes. A tensor that has several names is written once.

    Raises:
        ZooError: a number that is not finite; names the tensor.
    """
    from safetensors.torch import save

    first_names: dict[tuple[Any, ...], str] = {}
    aliases: dict[str, str] = {}
    distinct: dict[str, Tensor] = {}
    storages: set[int] = set()
    for name, tensor in tensors.items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.device)
        if tensor.numel() and first_names.setdefault(place, name) != name:
            aliases[name] = first_names[place]
            continue
        dense = tensor.detach().cpu().contiguous()
        if not dense.isfinite().all():
            raise ZooError(f"{name} holds a number that is not finite, so nothing was saved")
        if (storage := dense.untyped_storage().data_ptr()) in storages:
            dense = dense.clone()  # safetensors takes no views of one another
        storages.add(storage)
        distinct[name] = dense
    return save(distinct, metadata={"aliases": json.dumps(aliases)})


def unpacked(data: bytes) -> dict[str, Tensor]:
    """The tensors of ``packed``.

    Raises:
        ValueError: these are no bytes of a safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    if (size := header_size(data)) > LARGEST_HEADER:
        raise ValueError(f"no tensors that can be read: a header of {size:,} bytes")
    try:
        tensors: dict[str, Tensor] = load(data)
        aliases = aliases_in(data)
        return {**tensors, **{name: tensors[first] for name, first in aliases.items()}}
    except (SafetensorError, LookupError, AttributeError, TypeError, RuntimeError) as error:
        raise ValueError(f"no tensors that can be read: {error}") from error


def aliases_in(data: bytes) -> dict[str, str]:
    """The names that stand for another's tensor, from the header (a size, then JSON)."""
    header = json.loads(data[8 : 8 + header_size(data)])
    found: dict[str, str] = json.loads(header.get("__metadata__", {}).get("aliases", "{}"))
    return found


def header_size(data: bytes) -> int:
    return int.from_bytes(data[:8], "little")
