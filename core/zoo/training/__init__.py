"""Training step, evaluation, loop, and starting or resuming a run.

May import: overrides, console, errors, contracts, storage, catalog, parallel, compute, model,
recipe, data, run_files.
"""
