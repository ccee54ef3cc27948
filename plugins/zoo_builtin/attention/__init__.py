"""Attention: how a block mixes tokens."""
