"""From a corpus to tokens on disk to batches.

May import: console, errors, contracts, storage, catalog, compute, recipe.
"""
