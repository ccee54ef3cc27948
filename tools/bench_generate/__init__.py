"""The parts of bench_generate.py."""
