"""A run on disk: what training leaves behind, and what can be done with it afterwards."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.console.shell import quoted
from zoo.errors import PluginError, RecipeError, ZooError
from zoo.runs.metrics import METRICS, records_in, table_in
from zoo.storage.lock import owner_of
from zoo.storage.paths import expanded, make_folder, sync_dir

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from zoo.contracts import Sampler, Tokenizer
    from zoo.generation.compiled_step import CompiledSteps
    from zoo.generation.scoring import TextLoss
    from zoo.model.decoder import Decoder
    from zoo.recipe.reader import Recipe
    from zoo.runs.checkpoint import Checkpoint

RUNS = Path("runs")
LAYERS = 1000  # that a model may have without a tensor for each
LOCK = ".lock"  # held by the process that trains
RUN_INFO = "run.json"  # where, with what and on which text it was trained
SUMMARY = "summary.json"  # how far it is, and how it ended


@dataclass(frozen=True)
class RunInfo:
    """What an observer is told of the run it watches.

    ``start_step`` is the step after which a resumed run goes on, 0 for a new one. ``lr_at`` gives
    the learning rate of a step; ``params`` counts the model's parameters. ``lossy`` says that the
    tokenizer changes some text, which then counts to bits per byte with its own size. ``model`` is
    what is trained, to read from and not to change; when a recipe is checked, on the meta device.
    """

    dir: Path
    name: str
    recipe: Recipe
    total_steps: int
    start_step: int
    label: str
    notices: list[str]
    lr_at: Callable[[int], float]
    params: int
    device: str
    precision: str
    compiled: bool = False
    world: int = 1
    lossy: bool = False
    model: Decoder | None = None

    def __repr__(self) -> str:
        return f"<RunInfo {str(self.dir)!r}, {self.total_steps:,} steps>"


@dataclass
class Run:
    """A run directory, opened. ``zoo.open_run(path)`` makes one.

    Raises:
        ZooError: no run or no checkpoint there.
    """

    dir: Path
    opened: Checkpoint | None = None
    summary: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        step = self.opened.step if self.opened is not None else self.summary.get("step", 0)
        return f"<Run {str(self.dir)!r}, step {step:,}>"

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """What it was opened at, or the newest that is there now.

        Raises:
            ZooError: no checkpoint there, as on a machine that doesn't share the run's folder.
        """
        return self.opened or open_run(self.dir).checkpoint

    @cached_property
    def recipe(self) -> Recipe:
        """The resolved recipe that the checkpoint was trained with.

        Warns of a plug-in that is another than it was.

        Raises:
            PluginError: a plug-in is not here, or no longer takes what the recipe says.
        """
        from zoo.catalog.plugins import registry
        from zoo.recipe.document import parse
        from zoo.recipe.reader import parse_recipe
        from zoo.runs.run_plugins import present_plugins

        saved = self.checkpoint
        text, file = saved.recipe_toml, saved.folder / "recipe.toml"
        present = present_plugins(saved.state, parse(text, file).plain(), registry())
        told = f"{self.dir} was made with {'; '.join(present.told)}"
        try:
            recipe = parse_recipe(text, file, present.registry)
        except RecipeError as error:
            failed = "".join(f"; {failure}" for failure in registry().failures)
            if present.lacking:
                lacking = ", ".join(present.lacking)
                raise PluginError(
                    f"{self.dir} was made with {lacking}: install it, or name its file with "
                    f"--plugin (in Python, zoo.load_plugin){failed}"
                ) from error
            if present.told:
                raise PluginError(f"{told}; its recipe can't be read with that: {error}") from error
            raise
        if present.told:
            warnings.warn(
                f"{told}; it may compute something else, and training may not go on exactly",
                stacklevel=2,
            )
        return recipe

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the run was trained with."""
        factory: Any = self.recipe.tokenizer.entry.factory
        with self.checkpoint.tokenizer_dir() as folder:
            loaded: Tokenizer = factory.load(folder)
        return loaded

    @cached_property
    def model(self) -> Decoder:
        """The trained model, on the CPU, in evaluation mode."""
        import torch

        return self.model_in(torch.float32)

    @cached_property
    def decoder(self) -> Decoder:
        """The model as it generates: in bfloat16 if it may be and that is faster here."""
        import torch

        from zoo.compute.device import choose_precision

        asked = self.recipe.train.precision
        if asked == "auto" and self.checkpoint.state.precision == "float32":
            asked = "float32"  # what training found
        precision = choose_precision(asked, torch.device("cpu"))
        return self.model_in(torch.bfloat16) if precision == "bfloat16" else self.model

    @cached_property
    def steps(self) -> CompiledSteps:
        """The decoder's steps as compiled code, where there is some on disk."""
        from zoo.generation.compiled_step import CompiledSteps

        return CompiledSteps(self.decoder, self.checkpoint.digest)

    def check_shapes(self) -> None:
        """Compares the checkpoint's tensors with the recipe's model, before either takes memory.

        Raises:
            ZooError: they are not those of that model.
        """
        import torch

        from zoo.model.layers import undrawn

        shapes = self.checkpoint.header.all_shapes
        told = f"{self.checkpoint.folder}: the tensors are not those of the recipe's model"
        layers = self.recipe.model.options["n_layers"]
        if layers > max(LAYERS, len(shapes)):
            raise ZooError(f"{told}: {len(shapes):,} tensors for {layers:,} layers")
        vocab_size = self.tokenizer.vocab_size
        with torch.device("meta"), undrawn():
            model: Decoder = self.recipe.model(vocab_size, self.recipe.train.seed)
            if shapes == {name: tuple(of.shape) for name, of in model.state_dict().items()}:
                return
            try:  # parts may load what was saved under other names
                model.load_state_dict({name: torch.empty(of) for name, of in shapes.items()})
            except (RuntimeError, TypeError) as error:
                reason = "; ".join(line.strip() for line in str(error).splitlines()[1:3])
                raise ZooError(f"{told}: {reason or error}") from error

    def model_in(self, dtype: torch.dtype) -> Decoder:
        """The trained model with weights of this type."""
        from zoo.generation.weights import load_weights
        from zoo.model.layers import undrawn

        self.check_shapes()
        with undrawn():
            model: Decoder = self.recipe.model(self.tokenizer.vocab_size, self.recipe.train.seed)
        return load_weights(model, self.checkpoint.model, dtype)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        path = self.dir / METRICS
        return list(records_in(self.dir)) if path.exists() else []

    @property
    def info(self) -> dict[str, Any]:
        """What run.json says of where, with what and on which text the run was trained."""
        return table_in(self.dir / RUN_INFO)

    def logits(self, ids: Any) -> Tensor:
        """The model's float32 logits, (T, vocab_size) or (B, T, vocab_size), on the CPU.

        ``ids`` are those of a text, (T,), or of several, (B, T): a list, an array or a tensor.
        Nothing is put before them; documents of the training text begin after ``tokenizer.eot``.

        Raises:
            ZooError: no ids of the vocabulary, or more than the context holds.
        """
        from zoo.generation.scoring import logits

        return logits(self.model, ids)

    def loss(self, text: str) -> TextLoss:
        """How well the model predicts a text: −log p of every token, their mean, bits per byte.

        Raises:
            ZooError: a text of no tokens, or one that can't be encoded.
        """
        from zoo.generation.scoring import text_loss

        return text_loss(self.model, self.tokenizer, text)

    def generate(self, prompt: str = "", **options: Any) -> str:
        """The prompt continued; options as for ``stream``."""
        return prompt + "".join(text for _, text in self.stream([prompt], **options))

    def stream(
        self,
        prompts: str | Sequence[str],
        *,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        samplers: Sequence[Sampler] | None = None,
        max_new_tokens: int | None = None,
        seed: int = 0,
        stop: str | Sequence[str] = (),
    ) -> Iterator[tuple[int, str]]:
        """Continues a prompt, or several as one batch, yielding (row, new text).

        ``temperature``, ``top_k`` and ``top_p`` change the chain of samplers of the recipe's
        ``[generate]`` as the command's flags do; ``samplers`` is a whole chain instead.
        ``max_new_tokens`` defaults to the recipe's number. Text ends before a ``stop``, or the
        first of several.

        Raises:
            ZooError: options that don't fit, or a prompt that can't be encoded.
        """
        from zoo.generation.generate import DEFAULT_NEW_TOKENS, chosen_samplers, stream

        settings = self.recipe.generate
        words = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        if samplers is not None and any(value is not None for value in words.values()):
            raise ZooError("samplers is a whole chain: put temperature, top_k and top_p into it")
        return stream(
            self.decoder,
            self.tokenizer,
            [prompts] if isinstance(prompts, str) else prompts,
            chosen_samplers(settings.samplers, words) if samplers is None else samplers,
            max_new_tokens=(
                settings.max_new_tokens or DEFAULT_NEW_TOKENS
                if max_new_tokens is None
                else max_new_tokens
            ),
            seed=seed,
            stop=[stop] if isinstance(stop, str) else stop,
            steps=self.steps,
        )


def open_run(path: str | Path | None = None, *, resumable: bool = False) -> Run:
    """Opens a run, or one checkpoint of it; the newest run under ``runs/`` where no path is given.

    A path may leave out ``runs/``. The checkpoint is the newest whole one, in which the optimizer's
    state is looked at only if training shall be ``resumable``. Needs no torch.

    Raises:
        ZooError: no run or no checkpoint there.
    """
    from zoo.runs import checkpoint

    def accept(found: Checkpoint) -> None:
        Run(run, found).check_shapes()

    folder = run = find_run(path) if path is not None else newest_run()
    if (folder / "manifest.json").exists():
        run = run_of(folder)
        found = checkpoint.open_checkpoint(folder, resumable=resumable, accept=accept)
        return Run(run, found)
    newest = checkpoint.newest(folder / "checkpoints", resumable=resumable, accept=accept)
    if newest is None and (owner := owner_of(folder / LOCK)) is not None:
        raise ZooError(f"{folder} has no checkpoint yet, and is in use by {owner}")
    if newest is None:
        from zoo.runs.kept_recipe import RESOLVED, anew

        told = f"{folder}: no checkpoint there; was it stopped before its first one? Train it anew"
        raise ZooError(f"{told}: {anew(folder, ())}" if (folder / RESOLVED).exists() else told)
    return Run(folder, newest)


def find_run(path: str | Path) -> Path:
    """The folder at a path, which may leave out ``runs/``. Raises ZooError where there is none."""
    for folder in (expanded(path), RUNS / path):
        if os.path.isdir(folder):  # unlike Path.is_dir, lets any text be asked for
            return folder
    if os.path.isfile(path):
        told = f"; to train a recipe, write zoo train {quoted(path)}"
        raise ZooError(f"{path}: a file, no run{told if Path(path).suffix == '.toml' else ''}")
    known = sorted(p.name for p in RUNS.glob("*/")) if RUNS.is_dir() else []
    hint = f" (in {RUNS}/: {', '.join(known)})" if known else ""
    raise ZooError(f"{path}: no such run{hint}")


def run_of(folder: Path) -> Path:
    """The folder of a run, given that or the folder of one of its checkpoints."""
    saved = folder.parent.name == "checkpoints" and os.path.isfile(folder / "manifest.json")
    return folder.parent.parent if saved else folder


def newest_run() -> Path:
    """The run under ``runs/`` whose checkpoints are the most recent."""
    runs = [p.parent for p in RUNS.glob("*/checkpoints") if any(p.glob("step-*"))]
    if not runs:
        raise ZooError(
            f"no run with a checkpoint under {RUNS.resolve()}: train one with "
            "`zoo train recipes/tinystories.toml`, or name a run"
        )
    return max(runs, key=lambda run: (run / "checkpoints").stat().st_mtime_ns)


def run_of_launch(launch: str | None, out: Path | None) -> Path | None:
    """The run at ``out``, else under ``runs/``, if an earlier attempt of this launch began it."""
    if launch is None:
        return None
    for path in [out / RUN_INFO] if out is not None else RUNS.glob(f"*/{RUN_INFO}"):
        if table_in(path).get("launch") == launch:
            return path.parent
    return None


def refuse_used(out: Path, *, locked: bool = False) -> None:
    """Raises ZooError if something is at ``out`` already, or someone, unless we have it locked."""
    if out.exists() and not out.is_dir():
        raise ZooError(f"{out}: a file; a run needs a folder of its own: choose another --out")
    if not locked and (owner := owner_of(out / LOCK)) is not None:
        raise ZooError(f"{out} is in use by {owner}: choose another --out")
    if not out.exists() or all(path.name == LOCK for path in out.iterdir()):
        return
    if any(out.glob("checkpoints/step-*")):
        remedy = f"go on with `--resume {quoted(out)}`, or start with another --out"
    else:
        remedy = "it has no checkpoint to go on from: choose another --out, or delete it"
    raise ZooError(f"{out}: exists already; {remedy}")


def new_run_dir(recipe_name: str, out: Path | None) -> Path:
    """Makes the folder of a new run: ``out``, else the next free ``runs/<recipe>-<number>``.

    Raises:
        ZooError: ``out`` holds something already.
    """
    if out is not None:
        refuse_used(out)
        make_folder(out)
        return out
    make_folder(RUNS)
    pattern = re.compile(re.escape(recipe_name) + r"-(\d+)")
    numbers = [int(m[1]) for p in RUNS.iterdir() if (m := pattern.fullmatch(p.name))]
    number = max(numbers, default=0) + 1
    while True:
        folder = RUNS / f"{recipe_name}-{number}"
        try:
            folder.mkdir()
        except FileExistsError:  # another run began in between
            number += 1
        else:
            sync_dir(RUNS)
            return folder
