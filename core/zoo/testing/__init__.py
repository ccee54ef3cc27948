"""Conformance suites: the properties of components that the core relies on.

Whoever publishes a component tests it in one line:

>>> from zoo import testing
>>> from zoo_builtin.norms import RMSNorm
>>> testing.check("norm", RMSNorm, eps=1e-6)

Nothing is said if all is well. If not, a ``ConformanceError`` names each broken property in a line,
with what was seen and what is asked. What a component computes is for its author to test: a suite
knows nothing of formulas.

May import: errors, contracts, catalog, model, recipe, run_files, api.
"""

from __future__ import annotations

from zoo.testing.suite import ConformanceError, check, properties

__all__ = ["ConformanceError", "check", "properties"]
