"""Atomic files and folders, locks, the cache folder, tensor files.

Nothing of what a run or a recipe means.

May import: console, errors.
"""
