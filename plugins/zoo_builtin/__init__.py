"""The built-in components, registered through the same entry point as any plug-in's.

A package a kind; its COMPONENTS say what recipes call each.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import zoo

if TYPE_CHECKING:
    from zoo import Registrar

PACKAGES = {
    "norm": "norms",
    "activation": "activations",
    "position": "positions",
    "attention": "attention",
    "feedforward": "feedforward",
    "block": "blocks",
    "loss": "losses",
    "optimizer": "optimizers",
    "scheduler": "schedulers",
    "tokenizer": "tokenizers",
    "corpus": "corpora",
    "sampler": "samplers",
    "observer": "observers",
}


@zoo.hookimpl
def zoo_register(registry: Registrar) -> None:
    # Here rather than above: torch is imported when somebody asks for components, not before.
    for kind, package in PACKAGES.items():
        for name, factory in import_module(f"zoo_builtin.{package}").COMPONENTS.items():
            registry.add(kind, name, factory)
