"""Blocks: how the parts of a layer are joined with the residual stream."""

from zoo_builtin.blocks.branch import Branch
from zoo_builtin.blocks.parallel import Parallel
from zoo_builtin.blocks.sequential import OutputNorm, PostNorm, PreNorm, Sandwich

COMPONENTS = {
    "pre_norm": PreNorm,
    "post_norm": PostNorm,
    "sandwich": Sandwich,
    "output_norm": OutputNorm,
    "parallel": Parallel,
}

__all__ = [
    "COMPONENTS",
    "Branch",
    "OutputNorm",
    "Parallel",
    "PostNorm",
    "PreNorm",
    "Sandwich",
]
