"""Processes that train together: launching, the group, signals, the watchdog, gradient norms.

May import: errors.
"""
