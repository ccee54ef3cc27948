"""Whole files and folders on disk, locks, the cache folder, tensors in files: nothing of what a run means."""
