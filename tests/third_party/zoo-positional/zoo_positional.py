"""Broken on purpose: its option is not keyword-only."""

import zoo


class Epsilon:
    def __init__(self, dim, eps: float = 1e-5): ...


@zoo.hookimpl
def zoo_register(registry):
    registry.norm("epsilon", Epsilon)
