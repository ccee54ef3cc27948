"""Where to compute, and in which precision."""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager, nullcontext

import torch

from zoo.distributed import local_rank
from zoo.errors import ZooError


def choose_device(name: str) -> torch.device:
    """The device of a recipe's ``train.device``; "auto" takes CUDA, else MPS, else the CPU.

    Raises:
        ZooError: a device that this machine lacks.
    """
    if name == "auto":
        if torch.cuda.is_available():
            name = "cuda"
        else:
            name = "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type == "cuda":
            device = torch.device("cuda", local_rank() if device.index is None else device.index)
        torch.empty(1, device=device)
        if device.type == "cuda":
            torch.cuda.set_device(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ZooError(
            f'train.device = {name!r} can\'t be used here ({reason}); write "auto" or "cpu"'
        ) from None
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """ "float32" or "bfloat16"; "auto" takes bfloat16 where its products are clearly faster."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu":
        return "float32"
    wide, narrow = product_seconds(torch.float32, torch.bfloat16)
    return "bfloat16" if narrow < 0.7 * wide else "float32"


def product_seconds(*dtypes: torch.dtype, size: int = 512) -> list[float]:
    """Seconds that a product of two square matrices takes on the CPU: the best of many, in turns.

    The best, since other processes only ever make it slower.
    """
    matrices = [torch.full((size, size), 0.5, dtype=dtype) for dtype in dtypes]
    best = [math.inf] * len(dtypes)
    for _ in range(12):
        for nth, matrix in enumerate(matrices):
            start = time.perf_counter()
            matrix @ matrix
            best[nth] = min(best[nth], time.perf_counter() - start)
    return best


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Runs products in the given precision; weights and optimizer state stay float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
