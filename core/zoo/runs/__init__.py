"""A run on disk: its files, checkpoints and records."""
