"""Every plot: a function that makes a story happen, from the first sentence to the last.

The order matters: a seed chooses its plot by position. Add new plots at the end.
"""

from __future__ import annotations

from collections.abc import Callable

from ..story import Story
from . import finding, giving, wishing

Plot = Callable[[Story], None]

PLOTS: tuple[Plot, ...] = (
    finding.lost_and_found,
    finding.the_finder,
    finding.the_thief_with_wings,
    finding.stuck_in_a_tree,
    giving.the_snack_for_one,
    giving.two_want_one,
    giving.the_warm_scarf,
    giving.outgrown,
    wishing.borrowed_and_broken,
    wishing.the_trade,
    wishing.saving_up,
    wishing.the_treasure_map,
)
