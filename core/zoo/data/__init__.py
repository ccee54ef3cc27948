"""From a corpus to tokens on disk, and from those to batches."""
