"""Device, precision, threads and compiling: how the machine computes, decided once.

May import: console, errors, storage, parallel.
"""
