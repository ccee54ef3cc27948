"""Exclude the current folder from Python's import path, in child processes too.

Somebody else's recipes may lie there beside a file like ``random.py``, which ``python -m`` and
``python -c`` find before Python's own. ``zoo`` imports this first, and it imports nothing that is
not part of the interpreter: no ``__future__`` either.
"""

import sys

WITHOUT_IT = "import sys; sys.path[:] = filter(None, sys.path)"
"""How the code of a ``python -c`` begins; Python calls the current folder "" there."""

ZOO = (sys.executable, "-c", f"{WITHOUT_IT}; from zoo.__main__ import command; sys.exit(command())")
"""The command ``zoo`` as words, for a process of its own."""

# Python says so while it looks for the module of `python -m zoo`, and has the folder's name first.
if getattr(sys, "argv", [])[:1] == ["-m"] and not getattr(
    sys.flags, "safe_path", sys.flags.isolated
):
    del sys.path[0]
