"""Parse a TOML document into a recipe with every value validated.

May import: overrides, console, errors, contracts, storage, catalog, compute, model.
"""
