"""Commands of zoo_measure."""
