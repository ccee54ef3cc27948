"""From a TOML document to a recipe whose every value was checked.

May import: console, errors, contracts, storage, catalog, compute, model.
"""
