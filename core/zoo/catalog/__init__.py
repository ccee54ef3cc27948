"""Registered components: signatures, option schemas, entries, plug-ins, hooks.

May import: console, errors, contracts, storage.
"""
