"""Who offers which component: signatures, the schema of an option, entries, plug-ins, hooks.

May import: console, errors, contracts, storage.
"""
