"""Generate text (prefill, decode, sample, stream) and score text.

May import: errors, contracts, storage, catalog, model.
"""
