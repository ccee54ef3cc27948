"""Every plot: a function that makes a story happen, from the first sentence to the last.

The order matters: a seed chooses its plot by position. Add new plots at the end.
"""

from __future__ import annotations

from collections.abc import Callable

from zoo_stories.plots import (
    courage,
    family,
    finding,
    friends,
    giving,
    helping,
    honesty,
    journeys,
    making,
    promises,
    rescue,
    seasons,
    surprises,
    wishing,
)
from zoo_stories.story import Story

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
    helping.the_old_neighbour,
    helping.the_baby_bird,
    helping.the_lost_little_one,
    helping.the_sick_friend,
    rescue.small_helps_big,
    rescue.into_the_stream,
    rescue.lost_in_the_woods,
    rescue.the_hungry_winter,
    making.the_first_house,
    making.the_salty_cake,
    making.the_spilled_paint,
    making.the_noisy_band,
    seasons.the_seed,
    seasons.the_snowman,
    seasons.rain_at_the_picnic,
    seasons.the_jar_of_light,
    surprises.the_forgotten_birthday,
    surprises.hide_and_seek,
    surprises.the_paper_boats,
    surprises.the_brave_stone,
    family.the_new_baby,
    family.the_big_clean_up,
    family.the_loose_tooth,
    family.the_eggs,
    journeys.the_narrow_bridge,
    journeys.the_letter_in_a_bottle,
    journeys.the_errand,
    journeys.the_wishing_well,
)
