"""A step, an evaluation, the loop, and how a run starts or goes on.

May import: console, errors, contracts, storage, catalog, parallel, compute, model, recipe,
data, run_files.
"""
