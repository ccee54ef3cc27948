"""Suggest the recipe key for an option that doesn't exist."""

from __future__ import annotations

from zoo.console.shell import quoted
from zoo.contracts.kinds import KINDS


def set_instead(option: str, value: str) -> str:
    """The ``--set`` to suggest for an option such as ``--lr``; "" if there is none.

    >>> set_instead("--lr", "0.1")
    'write --set optimizer.lr=0.1'
    """
    return " or ".join(
        f"{'' if nth else 'write '}--set {quoted(f'{place}={value}')}"
        for nth, place in enumerate(places(option.lstrip("-")))
    )


def places(key: str) -> list[str]:
    """Where a recipe has a key of this name or path; in parts of the model if nowhere else.

    >>> places("steps"), places("n-layers"), places("optimizer.lr"), places("lr.x")
    (['train.steps'], ['model.n_layers'], ['optimizer.lr'], [])
    """
    from zoo.catalog.plugins import registry
    from zoo.catalog.signature import read_signature
    from zoo.recipe.reader import COMPONENTS, sections

    def of_kinds(kinds: dict[str, str]) -> list[str]:
        offered = registry()
        return [
            f"{place}.{key}"
            for kind, place in kinds.items()
            if any(key in entry.options for entry in offered.entries(kind))
        ]

    *above, key = key.replace("-", "_").split(".")
    found = [key] if key in COMPONENTS else []
    found += [f"{s}.{key}" for s, of in sections().items() if key in read_signature(of).options]
    found += of_kinds({section: section for section in COMPONENTS})
    if not found or above:
        inner = [kind for kind in KINDS.values() if "." in kind.place and not kind.is_listed]
        found += of_kinds({kind.name: kind.place for kind in inner})
    return [place for place in found if not above or place == ".".join((*above, key))]
