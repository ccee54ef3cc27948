"""Device, precision, threads and torch.compile, decided once per run.

May import: console, errors, storage, parallel.
"""
