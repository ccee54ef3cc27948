"""A GPU's mistakes without a GPU: what is made on the wrong device, and what waits for a value.

Torch's meta device stands in for the GPU. Its tensors have a device, a shape and a type, and no
values, so that a value that is read can't be had. ``Accelerator`` watches what torch itself lets
pass, such as an index on the CPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from zoo.testing.compare import Complaints

DEVICE = torch.device("meta")

COPIES = ("_to_copy", "copy_", "_foreach_copy_")
SELECTS = ("index", "index_put", "index_put_", "_index_put_impl_")

WRITTEN = {
    "_local_scalar_dense": ".item(), float(x), int(x) or `if x:`",
    "_to_copy": ".cpu(), .tolist() or .to('cpu')",
    "index": "x[mask]",
    "index_put": "x[mask] = y",
    "index_put_": "x[mask] = y",
    "_index_put_impl_": "x[mask] = y",
}
"""What people write to have torch run an operation, where its name doesn't say it."""


class MisusedDeviceError(RuntimeError):
    """What a GPU would refuse, or wait for."""


class Accelerator(TorchDispatchMode):
    """Inside, operations on ``DEVICE`` raise ``MisusedDeviceError`` as soon as a GPU would suffer.

    That is where a value is needed (``item``, ``bool``, a boolean mask, a copy to the host), where
    tensors of both devices meet, but for numbers (0-dim) on the host, which come along with the
    call, and where a host's generator is to draw on the device.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = tensors_in((args, kwargs))
        name = name_of(func)
        if any(tensor.device == DEVICE for tensor in given):
            if waits(func, args, kwargs):
                told = "needs a value, for which a GPU would be waited for"
                raise MisusedDeviceError(f"{WRITTEN.get(name, name)} {told}")
            if name not in COPIES and any(t.ndim and t.device != DEVICE for t in given):
                told = ", ".join(f"{tuple(t.shape)} on {place(t)}" for t in given)
                raise MisusedDeviceError(f"{name} is given tensors of two devices: {told}")
        out = func(*args, **kwargs)
        drawing = isinstance(kwargs.get("generator"), torch.Generator)
        if drawing and any(tensor.device == DEVICE for tensor in tensors_in(out)):
            raise MisusedDeviceError(f"{name} draws on the GPU from a generator of the CPU")
        return out


def waits(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether the host needs a value of what an operation is given, or the size that follows."""
    name = name_of(func)
    if name == "_to_copy":
        return kwargs.get("device") == torch.device("cpu")
    if name == "copy_":
        return bool(args[0].device.type == "cpu" and args[1].device.type != "cpu")
    if name in SELECTS:
        masked = any(t.dtype in (torch.bool, torch.uint8) for t in tensors_in(args[1]))
        return masked and not (len(args) > 2 and args[2].numel() == 1)
    return bool({torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & {*func.tags})


def elsewhere(what: str, tensors: Iterable[Tensor]) -> Complaints:
    """A complaint for each tensor that is not on ``DEVICE``."""
    for tensor in tensors:
        if tensor.device != DEVICE:
            yield f"{what}: a tensor {tuple(tensor.shape)} was left on {place(tensor)}"


def tensors_in(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def name_of(func: Any) -> str:
    return str(func.overloadpacket.__name__)


def place(tensor: Tensor) -> str:
    return "the GPU" if tensor.device == DEVICE else f"the {tensor.device.type.upper()}"
