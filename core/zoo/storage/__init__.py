"""Whole files and folders, locks, the cache folder, tensors in files.

Nothing of what a run or a recipe means.

May import: console, errors.
"""
