"""Text from a trained model: prefill, decode, sample, stream; and how well it predicts a text.

May import: errors, contracts, storage, catalog, model.
"""
