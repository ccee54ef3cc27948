from __future__ import annotations

from zoo_dyt import DyT

from zoo import testing


def test_dyt_fits() -> None:
    testing.check("norm", DyT, alpha=0.8)
