"""Making every part of a recipe without memory for its weights, to see whether they fit."""

from __future__ import annotations

import functools
import inspect
import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zoo.catalog.component import ComponentError, components_in, noting_made
from zoo.catalog.schema import At
from zoo.contracts import UNKNOWN_VOCAB, Param, RunInfo
from zoo.errors import ZooError
from zoo.model.param_groups import apply_rules, named_params
from zoo.recipe.first_pass import Made, first_flaw, lacks, told_of, unheard

if TYPE_CHECKING:
    from zoo.model.decoder import Decoder
    from zoo.recipe.recipe import Recipe

EXPECTED = (ZooError, ValueError, TypeError, ArithmeticError, RuntimeError, ImportError, OSError)
"""What a recipe's values may bring about; anything else is a bug and keeps its traceback."""


def dry_run(recipe: Recipe, refuse: Callable[[At, str], None]) -> None:
    """Makes every part, the model on the meta device and observers for a run that never starts.

    A window without values goes through the model. What parts raise, lack or make of a wrong shape
    goes to ``refuse``, with the place of the part. No source of randomness is changed.
    """

    def attempt(at: At, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except ComponentError as error:
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
        for corpus in components_in(recipe.data.corpus):  # also those that stand in for others
            attempt(("data", "corpus"), corpus)
        if recipe.train.device != "auto":
            attempt(("train", "device"), lambda: torch.device(recipe.train.device))
        for sampler in recipe.generate.samplers:
            attempt(("generate", "samplers"), sampler)
        if recipe.scheduler is not None:
            scheduler = recipe.scheduler
            attempt(("scheduler",), lambda: scheduler(recipe.total_steps))
        tokenizer = attempt(("tokenizer",), recipe.tokenizer)
        without_flaws(parts)
        if tokenizer is None:
            return
    with unchanged_randomness(), noting_made() as parts:
        vocab_size = tokenizer.vocab_size or UNKNOWN_VOCAB
        with torch.device("meta"):
            model = attempt(("model",), lambda: recipe.model(vocab_size, recipe.train.seed))
        fits = without_flaws(parts)
        watch(recipe, model, attempt, without_flaws)
        if model is None or not fits:
            return
        params = named_params(model)
        for i, rule in enumerate(recipe.params):
            try:
                params = apply_rules(params, [rule])
            except ValueError as error:
                refuse(("params", i), str(error).removeprefix("params[0] "))
        with torch.device("meta"), no_compiler(), noting_made() as optimizers:
            made = attempt(("optimizer",), lambda: recipe.optimizer(params))
        if without_flaws(optimizers) and made is not None and (flaw := uncovered(made, params)):
            refuse(("optimizer",), flaw)
        if seen := first_flaw(recipe, vocab_size, model, parts):
            refuse(seen.component.at, str(seen))


def watch(
    recipe: Recipe,
    model: Decoder | None,
    attempt: Callable[[At, Callable[[], Any]], Any],
    without_flaws: Callable[[Made], bool],
) -> None:
    """Makes the observers, and warns of methods that nobody will call."""
    with tempfile.TemporaryDirectory() as folder, noting_made() as observers:
        run = no_run(recipe, folder, model)
        for make in recipe.train.observers:
            attempt(("train", "observers"), functools.partial(make, run))
    without_flaws(observers)
    for component, observer in observers:
        for told in unheard(observer):
            warnings.warn(told_of(component, f"has a method {told}"), stacklevel=2)


def no_run(recipe: Recipe, folder: str, model: Decoder | None = None) -> RunInfo:
    """A run to make observers for."""
    return RunInfo(
        dir=Path(folder),
        name=recipe.name,
        recipe=recipe,
        total_steps=recipe.total_steps,
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
def no_compiler() -> Iterator[None]:
    """Inside, making an optimizer doesn't import torch's compiler, which takes a second.

    Torch excludes ``add_param_group`` from compilation, and needs the compiler to say so. Nothing
    is compiled here, so the plain function does.
    """
    marked = torch.optim.Optimizer.add_param_group
    torch.optim.Optimizer.add_param_group = inspect.unwrap(marked)  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.optim.Optimizer.add_param_group = marked  # type: ignore[method-assign]


@contextmanager
def unchanged_randomness() -> Iterator[None]:
    """Whatever is drawn inside, the global generators are afterwards as they were before."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
