"""Device, precision, threads and torch.compile, decided once per run.

May import: overrides, console, errors, storage, parallel.
"""
