"""What a person reads on a terminal: safe text, progress, quoting for a shell.

May import: nothing of zoo.
"""
