"""Serialise named tensors to the safetensors format, and back."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from zoo.errors import ZooError

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_HEADER = 1 << 23  # bytes, for tens of thousands of tensors; parsing takes many times that

BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 8),
}
"""How many a number takes, by what safetensors calls its type."""


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

    stored = read_header(io.BytesIO(data), len(data))
    try:
        tensors: dict[str, Tensor] = load(data)
        return {**tensors, **{name: tensors[first] for name, first in stored.aliases.items()}}
    except (SafetensorError, LookupError, TypeError, RuntimeError) as error:
        raise ValueError(f"no tensors: {error}") from error


class Header(NamedTuple):
    """The tensors in a file, without their data.

    Attributes:
        shapes: of each tensor.
        aliases: names that stand for another's tensor.
    """

    shapes: dict[str, tuple[int, ...]]
    aliases: dict[str, str]

    def __repr__(self) -> str:
        return f"<Header of {len(self.shapes)} tensors>"

    @property
    def all_shapes(self) -> dict[str, tuple[int, ...]]:
        return {**self.shapes, **{name: self.shapes[of] for name, of in self.aliases.items()}}


def read_header(file: BinaryIO, size: int) -> Header:
    """Read the header of a safetensors file: a length, then JSON.

    Raises:
        ValueError: it is none, or its tensors aren't all that the file holds.
    """
    length = int.from_bytes(file.read(8), "little")
    if length > LARGEST_HEADER:
        raise ValueError(f"no tensors: a header of {length:,} bytes")
    try:
        table = json.loads(file.read(length))
        about = table.pop("__metadata__", {})
        aliases = json.loads(about.get("aliases", "{}"))
        shapes = {name: tuple(tensor["shape"]) for name, tensor in table.items()}
        widths = {name: BYTES[tensor["dtype"]] for name, tensor in table.items()}
        places = sorted(tuple(tensor["data_offsets"]) for tensor in table.values())
        sizes = {name: widths[name] * math.prod(shape) for name, shape in shapes.items()}
        if any(type(n) is not int or n < 0 for shape in shapes.values() for n in shape):
            raise ValueError("a shape that is none")
        if not all(name in shapes and alias not in shapes for alias, name in aliases.items()):
            raise ValueError("a second name of nothing")
        ends = [0, *(end for _, end in places)]
        if [begin for begin, _ in places] != ends[:-1]:
            raise ValueError("tensors that overlap, or a gap between them")
        for name, tensor in table.items():
            begin, end = tensor["data_offsets"]
            if end - begin != sizes[name]:
                raise ValueError(f"{name} has {end - begin} bytes, not {sizes[name]}")
    except (LookupError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"no tensors: {error}") from error
    if (told := 8 + length + ends[-1]) != size:
        raise ValueError(f"{told:,} bytes of tensors in a file of {size:,}")
    return Header(shapes, aliases)
