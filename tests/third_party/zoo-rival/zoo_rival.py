"""In order, but offers a norm under a name that zoo uses itself."""

import zoo


class Halving:
    """x / 2, whatever x is."""

    def __init__(self, dim):
        self.dim = dim

    def __call__(self, x):
        return x / 2


@zoo.hookimpl
def zoo_register(registry):
    registry.norm("rmsnorm", Halving)
