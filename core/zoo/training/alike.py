"""Check that all ranks have the same recipe, code, data and weights before training.

Ranks that were started with other recipes, code or weights would train on all the same, and give a
model that nobody asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from zoo.catalog.sources import digest_of_module
from zoo.catalog.version import zoo_version
from zoo.errors import ZooError
from zoo.parallel.group import Group, translate_peer_errors

if TYPE_CHECKING:
    from zoo.recipe.recipe import Recipe
    from zoo.run_files.saved import SavedRun
    from zoo.training.trainer import Trainer

MOST_TOLD = 5  # differences


def check_started_alike(group: Group, recipe: Recipe, resumed: SavedRun | None) -> None:
    """Compares recipe, code and checkpoint, before any of them costs time.

    Raises:
        ZooError: on every rank, if they differ; says what and where.
    """
    if group.world == 1:
        return
    facts: dict[str, Any] = {"zoo": f"{zoo_version()}, code {digest_of_module('zoo')}"}
    plugins = {component.entry.plugin for component in recipe.components}
    for plugin in sorted(plugins, key=lambda each: (each.owner, each.module)):
        code = plugin.code or digest_of_module(plugin.module)
        facts[f"plug-in {plugin.owner}"] = f"{plugin.version}, code {code}"
    facts.update(flat(recipe.resolved()))
    if resumed is None:
        facts["checkpoint"] = "none: a new run"
    else:
        facts["checkpoint"] = f"{resumed.checkpoint.folder.name}, {resumed.checkpoint.digest[:12]}"
    check_alike(group, facts)


def check_ready_alike(group: Group, trainer: Trainer) -> None:
    """Compares data, step and weights, as they are when training begins.

    Raises:
        ZooError: on every rank, if they differ; says what and where.
    """
    if group.world == 1:
        return
    data = trainer.data
    facts = {
        "step": trainer.step,
        "prepared text": data.key,
        "training tokens": len(data.train),
        "validation tokens": len(data.valid),
        "tokenizer": data.tokenizer.fingerprint,
        "weights": digest_of(trainer.model.state_dict()),
    }
    check_alike(group, facts)


def check_alike(group: Group, facts: Mapping[str, Any]) -> None:
    """Raises ZooError on every rank unless all have the same facts."""
    with translate_peer_errors():
        each = group.from_all(dict(facts))
    if told := differences(each):
        more = f" (and {len(told) - MOST_TOLD} more)" if len(told) > MOST_TOLD else ""
        raise ZooError(
            f"the ranks were not started alike: {'; '.join(told[:MOST_TOLD])}{more}. "
            "Start all with the same command, recipe, plug-ins, version of zoo and copy of the run"
        )


def differences(each: Sequence[Mapping[str, Any]]) -> list[str]:
    """What differs between the facts of the ranks, and which has what.

    >>> differences([{"lr": 1, "step": 0}, {"lr": 2, "step": 0}, {"lr": 2, "step": 0}])
    ['lr is 1 on rank 0, 2 on ranks 1, 2']
    """
    told = []
    for name in dict.fromkeys(name for facts in each for name in facts):
        ranks: dict[str, list[str]] = {}
        for rank, facts in enumerate(each):
            value = str(facts[name]) if name in facts else "not there"
            ranks.setdefault(value, []).append(str(rank))
        if len(ranks) > 1:
            values = (
                f"{value} on rank{'s' * (len(having) > 1)} {', '.join(having)}"
                for value, having in ranks.items()
            )
            told.append(f"{name} is {', '.join(values)}")
    return told


def flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The values in a table of tables, by their dotted names.

    >>> dict(flat({"train": {"seed": 1}, "zoo": 1}))
    {'train.seed': 1, 'zoo': 1}
    """
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def digest_of(tensors: Mapping[str, torch.Tensor]) -> str:
    """A digest of tensors: their names and every bit."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\0".encode())
        flattened = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flattened.view(torch.uint8).numpy().data)
    return digest.hexdigest()[:12]
