"""Prefill, decode, sample and stream text from a trained model."""
