"""What Python users call, as names of ``zoo``: make, build, train, open runs, keep tokenizers.

May import any package of core but testing and cli.
"""
