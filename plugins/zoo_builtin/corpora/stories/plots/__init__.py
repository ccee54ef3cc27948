"""Every plot: a function that makes a story happen, from the first sentence to the last.

The order matters: a seed chooses its plot by position. Add new plots at the end.
"""

from __future__ import annotations

from collections.abc import Callable

from ..story import Story
from . import courage, finding, friends, giving, honesty, promises, wishing

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
    courage.the_noise_in_the_dark,
    courage.learning_something_hard,
    courage.the_thunderstorm,
    courage.on_the_stage,
    friends.the_first_day_of_school,
    friends.the_new_neighbour,
    friends.the_sleepover,
    friends.the_unkind_joke,
    promises.the_forgotten_promise,
    promises.the_promise_kept,
    promises.the_secret,
    promises.the_false_alarm,
    honesty.the_broken_vase,
    honesty.the_boaster,
    honesty.too_many_sweets,
    honesty.the_crooked_game,
)
