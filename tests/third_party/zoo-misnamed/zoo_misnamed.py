"""Broken on purpose: its hook has a name that nobody calls."""

import zoo


@zoo.hookimpl
def zoo_registr(registry):
    pass
