"""Broken on purpose: offers one name twice."""

import zoo


class Twin:
    def __init__(self, dim): ...


@zoo.hookimpl
def zoo_register(registry):
    registry.norm("twin", Twin)
    registry.norm("twin", Twin)
