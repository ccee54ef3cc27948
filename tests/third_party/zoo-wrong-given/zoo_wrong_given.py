"""Broken on purpose: its norm wants what no host has."""

import zoo


class Sized:
    def __init__(self, size): ...


class Fine:
    def __init__(self, dim): ...


@zoo.hookimpl
def zoo_register(registry):
    registry.norm("fine", Fine)
    registry.norm("sized", Sized)
