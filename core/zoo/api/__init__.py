"""The Python API behind the names of ``zoo``: make, build, train, open runs, load tokenizers.

May import: console, errors, contracts, storage, catalog, parallel, compute, model, recipe,
run_files, training, generation.
"""
