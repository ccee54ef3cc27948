"""Parse a TOML document into a recipe with every value validated.

May import: console, errors, contracts, storage, catalog, compute, model.
"""
