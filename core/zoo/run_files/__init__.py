"""A run on disk: where it lies, its checkpoints, its state and its records.

May import: console, errors, contracts, storage, catalog, model, recipe.
"""
