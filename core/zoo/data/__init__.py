"""From a corpus to tokens on disk, and from those to batches.

May import: what stands before it, and recipe.
"""
