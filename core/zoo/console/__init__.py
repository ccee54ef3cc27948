"""Terminal output: safe text, progress, shell quoting.

May import: nothing of zoo.
"""
