"""zoo: a component zoo for small decoder-only language models."""

from zoo.parallel import current_folder  # noqa: F401  (before anything else is imported)

# isort: split
from importlib import import_module
from typing import TYPE_CHECKING, Any

from zoo.catalog.entries import Registrar, Registry
from zoo.catalog.plugins import hookimpl, load_plugin, registry
from zoo.catalog.schema import AnyFloat
from zoo.contracts import (
    Activation,
    Attention,
    Build,
    Corpus,
    Dims,
    FeedForward,
    Head,
    Loss,
    Make,
    Norm,
    Observer,
    Optimizer,
    Out,
    Param,
    PerLayer,
    Position,
    Sampler,
    Scheduler,
    Tokenizer,
    per_layer,
    ref,
)
from zoo.errors import Problem, RecipeError, ZooError

if TYPE_CHECKING:
    from zoo.api import build, load_tokenizer, make
    from zoo.generation.scoring import TextLoss
    from zoo.model.sequence import Seq
    from zoo.recipe.reader import check, load_recipe
    from zoo.runs.listing import RunState, runs
    from zoo.runs.run import RunInfo, open_run
    from zoo.training.start import train

    __version__: str

__all__ = [
    "Activation",
    "AnyFloat",
    "Attention",
    "Build",
    "Corpus",
    "Dims",
    "FeedForward",
    "Head",
    "Loss",
    "Make",
    "Norm",
    "Observer",
    "Optimizer",
    "Out",
    "Param",
    "PerLayer",
    "Position",
    "Problem",
    "RecipeError",
    "Registrar",
    "Registry",
    "RunInfo",
    "RunState",
    "Sampler",
    "Scheduler",
    "Seq",
    "TextLoss",
    "Tokenizer",
    "ZooError",
    "build",
    "check",
    "hookimpl",
    "load_plugin",
    "load_recipe",
    "load_tokenizer",
    "make",
    "open_run",
    "per_layer",
    "ref",
    "registry",
    "runs",
    "train",
]

# What needs torch is imported on first use, so that `import zoo` and `zoo --help` are quick.
_LAZY = {
    "RunInfo": "zoo.runs.run",
    "RunState": "zoo.runs.listing",
    "Seq": "zoo.model.sequence",
    "TextLoss": "zoo.generation.scoring",
    "build": "zoo.api",
    "check": "zoo.recipe.reader",
    "load_recipe": "zoo.recipe.reader",
    "load_tokenizer": "zoo.api",
    "make": "zoo.api",
    "open_run": "zoo.runs.run",
    "runs": "zoo.runs.listing",
    "train": "zoo.training.start",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("zoo-lm")
    if name not in _LAZY:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, "__version__"})
