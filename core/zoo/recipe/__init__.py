"""From a TOML document to a recipe whose every value was checked.

May import: what stands before it: errors, contracts, console, storage, catalog, compute, model.
"""
