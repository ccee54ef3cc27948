"""What Python users call, as names of ``zoo``: make, build, train, open runs, keep tokenizers.

May import: console, errors, contracts, storage, catalog, parallel, compute, model, recipe,
run_files, training, generation.
"""
