"""zoo: a component zoo for small decoder-only language models."""

from zoo.parallel import current_folder  # noqa: F401  (before anything else is imported)

# isort: split
from importlib import import_module
from typing import TYPE_CHECKING, Any

from zoo.catalog.entries import Registrar, Registry
from zoo.catalog.moved import find_moved_modules
from zoo.catalog.plugins import hookimpl, load_plugin, registry
from zoo.contracts import (
    Activation,
    AnyFloat,
    Attention,
    Block,
    BlockBuild,
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
    as_out,
    per_layer,
    ref,
)
from zoo.errors import Problem, RecipeError, ZooError

if TYPE_CHECKING:
    from zoo.api.make import build, make
    from zoo.api.run import open_run
    from zoo.api.tokenizers import load_tokenizer
    from zoo.api.train import train
    from zoo.contracts import RunInfo
    from zoo.generation.scoring import TextLoss
    from zoo.model.sequence import Seq
    from zoo.recipe.load import check, load_recipe
    from zoo.run_files.listing import RunState, runs

    __version__: str

__all__ = [
    "Activation",
    "AnyFloat",
    "Attention",
    "Block",
    "BlockBuild",
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
    "as_out",
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
    "RunInfo": "zoo.contracts",
    "RunState": "zoo.run_files.listing",
    "Seq": "zoo.model.sequence",
    "TextLoss": "zoo.generation.scoring",
    "build": "zoo.api.make",
    "check": "zoo.recipe.load",
    "load_recipe": "zoo.recipe.load",
    "load_tokenizer": "zoo.api.tokenizers",
    "make": "zoo.api.make",
    "open_run": "zoo.api.run",
    "runs": "zoo.run_files.listing",
    "train": "zoo.api.train",
}


find_moved_modules()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from zoo.catalog.version import zoo_version

        return zoo_version()
    if name == "testing":
        return import_module("zoo.testing")
    if name not in _LAZY:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__", "testing"]
