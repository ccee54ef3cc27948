"""Convert optimizer state to named tensors and JSON, and back, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError

if TYPE_CHECKING:  # torch is here by the time there is an optimizer; checkpoints open without
    from torch import Tensor
    from torch.optim import Optimizer

TENSOR = "$tensor"
TUPLE = "$tuple"


def flatten_optimizers(
    optimizers: Sequence[Optimizer], names: Mapping[Tensor, str]
) -> tuple[dict[str, Tensor], list[Any]]:
    """What the optimizers' state dicts hold: tensors by name, and JSON with all the rest.

    ``names`` gives each parameter's name, under which its state is kept, so that what is saved
    doesn't depend on the order of the parameters. The tensors are those of the optimizers, not
    copies: write them before the next step.

    Raises:
        ZooError: a value that is neither a tensor nor made of numbers, strings, lists and dicts.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, [
        _flatten(optimizer, names, str(number), tensors)
        for number, optimizer in enumerate(optimizers)
    ]


def restore_optimizers(
    optimizers: Sequence[Optimizer],
    names: Mapping[Tensor, str],
    tensors: Mapping[str, Tensor],
    numbers: Sequence[Any],
) -> None:
    """Puts back what ``flatten_optimizers`` took; the tensors given are copied.

    Raises:
        ZooError: these optimizers have other parameters or groups than those that were saved.
    """
    if len(optimizers) != len(numbers):
        raise ZooError(
            f"the checkpoint holds the state of {len(numbers)} optimizers, the recipe makes "
            f"{len(optimizers)}"
        )
    copies: dict[int, Tensor] = {}
    for optimizer, saved in zip(optimizers, numbers, strict=True):
        _restore(optimizer, names, tensors, saved, copies)


def _flatten(
    optimizer: Optimizer, names: Mapping[Tensor, str], path: str, tensors: dict[str, Tensor]
) -> dict[str, Any]:
    raw = optimizer.state_dict()
    groups = _groups(optimizer, names)
    in_order = list(chain.from_iterable(groups))
    state = {in_order[index]: values for index, values in raw.pop("state").items()}
    options = [
        {key: value for key, value in group.items() if key != "params"}
        for group in raw.pop("param_groups")
    ]
    return {
        "params": groups,
        "groups": _pack(options, f"{path}/groups", tensors),
        "state": {name: _pack(values, f"{path}/{name}", tensors) for name, values in state.items()},
        "more": _pack(raw, f"{path}/more", tensors),
    }


def _restore(
    optimizer: Optimizer,
    names: Mapping[Tensor, str],
    tensors: Mapping[str, Tensor],
    saved: Mapping[str, Any],
    copies: dict[int, Tensor],
) -> None:
    groups = _groups(optimizer, names)
    if list(map(set, groups)) != list(map(set, saved["params"])):
        before, now = set(chain(*saved["params"])), set(chain(*groups))
        differing = ", ".join(sorted(before ^ now)) or "none, but they are grouped otherwise"
        raise ZooError(
            "the checkpoint's optimizer state belongs to other parameters than the recipe's "
            f"optimizer has; differing: {differing}"
        )
    in_order = list(chain.from_iterable(groups))
    state = {
        index: _unpack(saved["state"][name], tensors, copies)
        for index, name in enumerate(in_order)
        if name in saved["state"]
    }
    places = iter(range(len(in_order)))
    options = _unpack(saved["groups"], tensors, copies)
    for present, group in zip(optimizer.param_groups, options, strict=True):
        check_options(present, group)
    for group, members in zip(options, groups, strict=True):
        group["params"] = [next(places) for _ in members]
    more = _unpack(saved["more"], tensors, copies)
    optimizer.load_state_dict({"state": state, "param_groups": options, **more})
    _undo_casts(optimizer, state)


def check_options(present: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    """Raises TypeError for an option that is no number where the optimizer has one."""
    for name in present.keys() & saved.keys():
        value = saved[name]
        is_number = value is None or type(value) in (int, float) or is_tensor(value)
        if type(present[name]) in (int, float) and not is_number:
            raise TypeError(f"{name} is {value!r:.40}, which is no number")


def _undo_casts(optimizer: Optimizer, state: Mapping[int, Mapping[str, Any]]) -> None:
    """torch casts state to the parameter's type, which loses bits of float32 state in bfloat16."""
    params = list(chain.from_iterable(group["params"] for group in optimizer.param_groups))
    for index, values in state.items():
        loaded = optimizer.state[params[index]]
        for key, value in values.items():
            cast = loaded.get(key)
            if is_tensor(value) and is_tensor(cast) and cast.dtype != value.dtype:
                loaded[key] = value.to(cast.device)


def _groups(optimizer: Optimizer, names: Mapping[Tensor, str]) -> list[list[str]]:
    return [[names[param] for param in group["params"]] for group in optimizer.param_groups]


def _pack(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON; tensors in it go to ``tensors`` and leave their name behind."""
    if is_tensor(value):
        tensors[path] = value
        return {TENSOR: path}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        items = [_pack(item, f"{path}/{at}", tensors) for at, item in enumerate(value)]
        return {TUPLE: items} if isinstance(value, tuple) else items
    if isinstance(value, dict) and all(
        isinstance(key, str) and not key.startswith("$") for key in value
    ):
        return {key: _pack(item, f"{path}/{key}", tensors) for key, item in value.items()}
    raise ZooError(
        f"optimizer state {path!r} is {value!r:.80}, which a checkpoint can't hold: keep tensors, "
        "numbers, strings, and lists or dicts of them with plain string keys"
    )


def _unpack(value: Any, tensors: Mapping[str, Tensor], copies: dict[int, Tensor]) -> Any:
    """Undoes ``_pack``; a tensor that stands at two places is one tensor again."""
    if isinstance(value, list):
        return [_unpack(item, tensors, copies) for item in value]
    if not isinstance(value, dict):
        return value
    if TENSOR in value:
        tensor = tensors[value[TENSOR]]
        return copies.setdefault(id(tensor), tensor.clone())
    if TUPLE in value:
        return tuple(_unpack(item, tensors, copies) for item in value[TUPLE])
    return {key: _unpack(item, tensors, copies) for key, item in value.items()}


def is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)
