"""From a corpus to tokens on disk, and from those to batches.

May import: console, errors, contracts, storage, catalog, compute, recipe.
"""
