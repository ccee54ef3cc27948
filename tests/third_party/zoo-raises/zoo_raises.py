"""Broken on purpose: raises while it is imported."""

raise ImportError("this machine lacks a flux capacitor")
