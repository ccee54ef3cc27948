"""Check what a caller asks of generation, before anything is read or computed."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any, NoReturn

from zoo.contracts import Sampler
from zoo.errors import ZooError

SEEDS = range(2**63)


def integer(name: str, value: Any, among: range) -> int:
    """An option that counts: an int or numpy's, no bool.

    Raises:
        ZooError: another value.
    """
    try:
        number = None if isinstance(value, bool) else index(value)
    except TypeError:
        number = None
    if number is None or number not in among:
        limits = "of at least 1" if among.start else "from 0 to 2⁶³ − 1"
        refuse(name, value, f"an integer {limits}")
    return number


def count(name: str, value: Any) -> int:
    """A number of at least 1. Raises ZooError for another value."""
    return integer(name, value, range(1, 2**63))


def seed_of(value: Any) -> int:
    """A seed, as ``train.seed`` is one. Raises ZooError for another value."""
    return integer("seed", value, SEEDS)


def scalar(value: Any) -> Any:
    """A number of numpy or torch as Python's; all else as it is."""
    return value.item() if getattr(value, "shape", None) == () else value


def prompts_of(value: Any) -> list[Any]:
    """A prompt, or several, as a list, each to be encoded. Raises ZooError for no list."""
    found = [value] if isinstance(value, str) else listed(value)
    if found is None:
        refuse("prompts", value, "a string or a list of strings")
    return found


def stops_of(value: Any) -> list[str]:
    """The texts at which to stop. Raises ZooError for an empty one, or what is no text."""
    found = [value] if isinstance(value, str) else listed(value)
    if found is None or not all(isinstance(text, str) for text in found):
        refuse("stop", value, "a string or a list of strings")
    if "" in found:
        refuse("stop", value, "texts that aren't empty; leave it out to stop nowhere")
    return found


def samplers_of(value: Any) -> list[Sampler]:
    """A chain of samplers. Raises ZooError for something else."""
    found = listed(value)
    if found is None or not all(map(callable, found)):
        refuse("samplers", value, 'a list such as [zoo.make("sampler", "greedy")]')
    return found


def listed(value: Any) -> list[Any] | None:
    """The items of a list or of what is like one; None for what isn't."""
    return None if isinstance(value, (str, bytes)) or not isinstance(value, Iterable) else [*value]


def refuse(name: str, value: Any, expected: str) -> NoReturn:
    raise ZooError(f"{name} = {value!r}: expected {expected}")
