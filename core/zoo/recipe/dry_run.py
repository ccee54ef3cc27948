"""Build every component of a recipe on the meta device, to see whether they fit together."""

from __future__ import annotations

import functools
import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from zoo.catalog.component import Component, ComponentError, components_in, noting_made
from zoo.catalog.schema import At
from zoo.compute.device import missing_here, no_device, unusable
from zoo.contracts import UNKNOWN_VOCAB, Make, Observer, Param, RunInfo
from zoo.errors import ZooError
from zoo.model.build import DRAWING
from zoo.model.param_groups import apply_rules, named_params
from zoo.overrides import optimizers_without_compiler
from zoo.recipe import stand_ins
from zoo.recipe.first_pass import Made, first_flaw, lacks, told_of, unfit_init, unheard

if TYPE_CHECKING:
    from zoo.model.decoder import Decoder
    from zoo.recipe.recipe import Recipe

EXPECTED = (ZooError, ValueError, TypeError, ArithmeticError, RuntimeError, ImportError, OSError)
"""What a recipe's values may bring about; anything else is a bug and keeps its traceback."""


def dry_run(
    right: Mapping[str, Any],
    recipe: Recipe | None,
    steps: int | None,
    refuse: Callable[[At, str], None],
) -> None:
    """Makes every part, the model on the meta device and observers for a run that never starts.

    ``right`` is what could be read of the recipe, ``recipe`` is None unless that is all of it, and
    ``steps`` unless the length of the run can be told. Where a part can't be made, the others are
    tried all the same, and something stands in for it. A window without values goes through a whole
    model. What parts raise, lack or make of a wrong shape goes to ``refuse``, with the place of the
    part. No source of randomness is changed.
    """

    def attempt(at: At, make: Callable[[], Any], sure: bool = True) -> Any:
        """What is made; if not ``sure`` of what it is made from, a ValueError alone counts."""
        try:
            return make()
        except ComponentError as error:
            if sure or type(error.__cause__) is ValueError:
                refuse(error.at, error.reason)
        except EXPECTED as error:
            refuse(at, f"{type(error).__name__}: {error}")
        return None

    def without_flaws(made: Made) -> bool:
        flaws = list(lacks(made))
        for flaw in flaws:
            refuse(flaw.component.at, str(flaw))
        return not flaws

    with unchanged_randomness(), noting_made() as parts:
        for corpus in components_in(right["data"].corpus if "data" in right else None):
            attempt(("data", "corpus"), corpus)  # also those that stand in for others
        for sampler in right["generate"].samplers or ():
            attempt(("generate", "samplers"), sampler)
        if (scheduler := right.get("scheduler")) is not None:
            length = stand_ins.STEPS if steps is None else steps
            attempt(("scheduler",), lambda: scheduler(length), sure=steps is not None)
        tokenizer = attempt(("tokenizer",), right["tokenizer"]) if "tokenizer" in right else None
        without_flaws(parts)
    with unchanged_randomness(), noting_made() as parts:
        vocab_size = tokenizer.vocab_size if tokenizer is not None else None
        vocab_size = vocab_size or UNKNOWN_VOCAB
        model, is_whole = None, False
        if "model" in right:
            model, is_whole = try_model(right["model"], vocab_size, refuse)
        fits = without_flaws(parts)
        makers = right["train"].observers or ()
        watch(makers, recipe, model if is_whole else None, steps, attempt, without_flaws)
        is_whole = is_whole and fits
        params = named_params(model) if model is not None and fits else stand_ins.some_params()
        for i, rule in enumerate(right["params"] if is_whole else ()):
            try:
                params = apply_rules(params, [rule])
            except ValueError as error:
                refuse(("params", i), str(error).removeprefix("params[0] "))
        if "optimizer" in right:
            with torch.device("meta"), optimizers_without_compiler(), noting_made() as optimizers:
                make = right["optimizer"]
                made = attempt(("optimizer",), lambda: make(params), sure=is_whole)
            right_kind = without_flaws(optimizers) and made is not None
            if right_kind and is_whole and (flaw := uncovered(made, params)):
                refuse(("optimizer",), flaw)
        if recipe is None or model is None or not is_whole:
            return
        if seen := first_flaw(recipe, vocab_size, model, parts):
            refuse(seen.component.at, str(seen))
        elif told := unfit_init(recipe, parts):
            warnings.warn(told, stacklevel=2)


def try_device(name: str | None, refuse: Callable[[At, str], None], *, here: bool) -> None:
    """Refuses a ``train.device`` that no machine has, or that isn't ``here``.

    None is one that could not be read.
    """
    at = ("train", "device")
    if name is None or name == "auto":
        return
    if told := no_device(name):
        refuse(at, unusable(name, told))
    elif here and (told := missing_here(name)):
        elsewhere = "; to check for another machine, add --set train.device=auto"
        refuse(at, unusable(name, told) + elsewhere)


def try_model(
    model: Component, vocab_size: int, refuse: Callable[[At, str], None]
) -> tuple[Decoder | None, bool]:
    """A model without values, and whether it is made of its own parts alone.

    A part that can't be made is refused and another put in its place, so that the next ones are
    tried too. None where that doesn't help.
    """
    tried = stand_ins.with_right_values(model)
    while tried is not None:
        try:
            with torch.device("meta"):
                made = tried(vocab_size)
            return made, tried is model and stand_ins.is_whole(made)
        except ComponentError as error:
            refuse(error.at, error.reason)
            tried = stand_ins.without(tried, error.at)
    return None, False


def watch(
    makers: Sequence[Make[Observer]],
    recipe: Recipe | None,
    model: Decoder | None,
    steps: int | None,
    attempt: Callable[..., Any],
    without_flaws: Callable[[Made], bool],
) -> None:
    """Make the observers, and warn of methods that the loop never calls."""
    with tempfile.TemporaryDirectory() as folder, noting_made() as observers:
        run = no_run(recipe, folder, model, steps)
        sure = recipe is not None and model is not None and steps is not None
        for make in makers:
            attempt(("train", "observers"), functools.partial(make, run), sure)
    without_flaws(observers)
    for component, observer in observers:
        for told in unheard(observer):
            warnings.warn(told_of(component, f"has a method {told}"), stacklevel=2)


def no_run(
    recipe: Recipe | None, folder: str, model: Decoder | None = None, steps: int | None = None
) -> RunInfo:
    """A placeholder run of this many steps to make observers with."""
    return RunInfo(
        dir=Path(folder),
        name=recipe.name if recipe is not None else "",
        recipe=cast("Recipe", recipe),
        total_steps=stand_ins.STEPS if steps is None else steps,
        start_step=0,
        label="",
        notices=[],
        lr_at=lambda step: 0.0,
        params=0,
        device="cpu",
        precision="float32",
        model=model,
    )


def uncovered(made: Any, params: Sequence[Param]) -> str | None:
    """What is wrong if an optimizer, or a list of them, doesn't cover each parameter once."""
    optimizers = made if isinstance(made, list) else [made]
    covered = Counter(
        tensor
        for optimizer in optimizers
        for group in optimizer.param_groups
        for tensor in group["params"]
    )
    for param in params:
        if (times := covered[param.tensor]) != 1:
            return f"updates {param.name} {times} times a step instead of once"
    return None


@contextmanager
def unchanged_randomness() -> Iterator[None]:
    """Whatever is drawn inside, the global generators are afterwards as they were before.

    No model is made in another thread meanwhile, whose draws that would take back.
    """
    with DRAWING:
        python, numpy = random.getstate(), np.random.get_state()
        try:
            with torch.random.fork_rng(devices=[]):
                yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
