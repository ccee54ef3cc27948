"""Positional encodings, applied to embeddings, queries and keys, or attention scores.

Each says in ``acts_on`` what it changes: the embeddings, queries and keys, or the scores. Positions
come as integers (B|1, T), −1 for padding, whose results are finite and never seen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from zoo.authoring import Embedding
from zoo.contracts import Dims

if TYPE_CHECKING:
    from zoo.authoring import Seq


def angles(pos: Tensor, dim: int, base: float) -> Tensor:
    """pos · base^(−2i/dim) for i = 0 … dim/2 − 1: positions (…) -> float32 (…, dim/2)."""
    exponents = torch.arange(0, dim, 2, device=pos.device, dtype=torch.float32) / dim
    return pos.unsqueeze(-1).float() * base**-exponents


class RoPE(nn.Module):
    """Rotates pairs of query and key entries by angles that grow with the position.

    Pair i turns by pos · base^(−2i/head_dim), so that a product of query and key depends on their
    distance alone: (a, b) -> (a cos − b sin, a sin + b cos). ``layout`` says which entries pair up:
    i with i + head_dim/2 ("halves", as in Llama's published weights) or 2i with 2i + 1
    ("interleaved", as in the paper). (B, H, T, head_dim) -> the same; computed in float32.
    Su et al. 2021, arXiv:2104.09864.
    """

    acts_on = frozenset({"qk"})
    limit = None

    def __init__(
        self,
        dims: Dims,
        *,
        base: float = 10_000.0,
        layout: Literal["halves", "interleaved"] = "halves",
    ) -> None:
        super().__init__()
        if dims.head_dim % 2:
            raise ValueError(f"rotating pairs needs an even head_dim, not {dims.head_dim}")
        self.head_dim = dims.head_dim
        self.base = checked_base(base)
        self.layout = layout
        # What the tables depend on. No id(self): compiled code is found again by such keys too.
        self.shared = f"rope tables {self.head_dim} {self.base}"

    def tables(self, pos: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the angles, (B|1, 1, T, head_dim/2) each, float32."""
        angles_BHTD = angles(pos, self.head_dim, self.base).unsqueeze(1)
        return angles_BHTD.cos(), angles_BHTD.sin()

    def prepare(self, seq: Seq) -> tuple[Tensor, Tensor]:
        return seq.once(self.shared, lambda: self.tables(seq.pos))

    def rotate(self, x_BHTD: Tensor, seq: Seq, key: bool = False) -> Tensor:
        cos, sin = self.prepare(seq)
        x = x_BHTD.to(torch.promote_types(x_BHTD.dtype, torch.float32))
        if self.layout == "halves":
            a, b = x.chunk(2, dim=-1)
            turned = torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)
        else:
            a, b = x[..., 0::2], x[..., 1::2]
            turned = torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)
        return turned.to(x_BHTD.dtype)


class Learned(nn.Module):
    """Adds a learned vector for each of max_seq_len positions to the embeddings.

    (B, T, d_model) -> the same. The table is drawn like the token embedding, with standard
    deviation ``std``. Gehring et al. 2017, arXiv:1705.03122; GPT-2.
    """

    acts_on = frozenset({"embedding"})

    def __init__(self, dims: Dims, *, std: float = 1.0) -> None:
        super().__init__()
        if std < 0:
            raise ValueError(f"std must not be negative: {std}")
        self.limit = dims.max_seq_len
        self.embedding = Embedding(dims.max_seq_len, dims.d_model, std=std)

    def add(self, x_BTD: Tensor, pos: Tensor) -> Tensor:
        return x_BTD + self.embedding(pos.clamp(min=0)).to(x_BTD.dtype)


class Sinusoidal(nn.Module):
    """Adds sines and cosines of geometrically spaced wavelengths to the embeddings.

    Entry 2i gets sin(pos · base^(−2i/d_model)), entry 2i + 1 the cosine. (B, T, d_model) -> the
    same. Every position has a vector, but those from max_seq_len on are none that training showed,
    so that they count as none. Vaswani et al. 2017, arXiv:1706.03762.
    """

    acts_on = frozenset({"embedding"})

    def __init__(self, dims: Dims, *, base: float = 10_000.0) -> None:
        super().__init__()
        if dims.d_model % 2:
            raise ValueError(f"pairs of sine and cosine need an even d_model, not {dims.d_model}")
        self.limit = dims.max_seq_len
        self.d_model = dims.d_model
        self.base = checked_base(base)

    def add(self, x_BTD: Tensor, pos: Tensor) -> Tensor:
        angles_BTD = angles(pos, self.d_model, self.base)
        waves = torch.stack((angles_BTD.sin(), angles_BTD.cos()), dim=-1).flatten(-2)
        return x_BTD + waves.to(x_BTD.dtype)


class ALiBi(nn.Module):
    """Lowers each score in proportion to the distance: slope_h · (k_pos − q_pos).

    A head's slope is fixed (``slopes``). (B|1, T), (B|1, S) -> (B|1, H, T, S), float32.
    Press et al. 2021, arXiv:2108.12409.
    """

    acts_on = frozenset({"scores"})
    limit = None

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        self.n_heads = dims.n_heads

    def bias(self, q_pos: Tensor, k_pos: Tensor) -> Tensor:
        distance = k_pos[:, None, None, :] - q_pos[:, None, :, None]
        return distance * slopes(self.n_heads, q_pos.device)[:, None, None]


def slopes(n_heads: int, device: torch.device | None = None) -> Tensor:
    """ALiBi's slope of each head, (n_heads,): a geometric sequence from 2^(−8/n) to 2^(−8).

    That is for n a power of two. Other counts take the slopes of the power of two below them, then
    every other slope of the one above, as the paper's authors do.

    >>> slopes(3).tolist()
    [0.0625, 0.00390625, 0.25]
    """
    power = 2 ** math.floor(math.log2(n_heads))
    head = torch.arange(1, n_heads + 1, device=device)
    exponents = torch.where(head <= power, 8 * head, 4 * (2 * (head - power) - 1)) / power
    return torch.exp2(-exponents)


class NoPosition(nn.Module):
    """Tells tokens nothing: causal attention alone has to (NoPE, arXiv:2305.19466).

    A token tells its position by how many it sees, and so not beyond max_seq_len of them.
    """

    acts_on: frozenset[str] = frozenset()

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        self.limit = dims.max_seq_len


def checked_base(base: float) -> float:
    if base <= 1:
        raise ValueError(f"base must be larger than 1, not {base}: wavelengths grow by its powers")
    return base


COMPONENTS = {
    "rope": RoPE,
    "learned": Learned,
    "sinusoidal": Sinusoidal,
    "alibi": ALiBi,
    "none": NoPosition,
}
