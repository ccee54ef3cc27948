"""The parts of tools/bench_time_to_loss.py: `runs` of zoo's, and the `peers`."""
