"""Processes that train together: launching, group, strategy, signals, watchdog, gradient norms.

May import: errors.
"""
