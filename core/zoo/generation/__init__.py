"""Generate text with an engine (prefill, decode, sample, stream) and score text.

May import: overrides, errors, contracts, storage, catalog, model.
"""
