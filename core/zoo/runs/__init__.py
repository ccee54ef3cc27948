"""A run on disk: where it lies, its checkpoints, its state and its records.

May import: what stands before it, recipe and model; not data.
"""
