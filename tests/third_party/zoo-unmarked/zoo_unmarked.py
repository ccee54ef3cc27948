"""Broken on purpose: its hook is not marked as one."""


def zoo_register(registry):
    pass
