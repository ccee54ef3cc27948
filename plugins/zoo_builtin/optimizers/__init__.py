"""Optimizers: each covers every parameter once and continues bit for bit after a stop."""

from zoo_builtin.optimizers.elementwise import SGD, AdamW, ListOptimizer, SGDDecay
from zoo_builtin.optimizers.matrix import muon

COMPONENTS = {"adamw": AdamW, "muon": muon, "sgd": SGD, "sgd_decay": SGDDecay}

__all__ = ["COMPONENTS", "SGD", "AdamW", "ListOptimizer", "SGDDecay", "muon"]
