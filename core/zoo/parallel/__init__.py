"""Processes that train together: launching, the group, signals, the watchdog, global gradient norm."""
