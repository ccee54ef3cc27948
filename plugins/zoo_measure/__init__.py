"""Measure recipes and runs: bench, plan, doctor, verify-resume, data reports."""
