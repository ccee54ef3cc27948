"""A run on disk: its place, checkpoints, state and records.

May import: console, errors, contracts, storage, catalog, model, recipe.
"""
