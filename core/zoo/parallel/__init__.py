"""Distributed training: launcher, process group, strategy, signals, watchdog, gradient clipping.

May import: overrides, errors.
"""
