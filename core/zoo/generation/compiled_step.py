"""One decoding step as compiled code, kept on disk: a file for a run and a number of rows.

torch traces ``Decoder.decode`` for one new token a row and compiles it with the weights packed in.
Loading that takes a tenth of a second and none of torch's compiler. Components know nothing of it:
what can't be traced, or steps otherwise than it does without, is not compiled.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zoo.errors import ZooError
from zoo.model.decoder import Decoder
from zoo.model.kv_cache import DecodingState
from zoo.overrides import environment
from zoo.storage.folders import remove_folder, whole_folder
from zoo.storage.paths import cache_dir

if TYPE_CHECKING:
    from torch.export import ExportedProgram

Stepping = Callable[[Tensor, DecodingState], Tensor]

CODE = "step.so"
KEPT = 8
"""How many compiled steps stay on disk, the last used ones; each is as large as its model."""

FARTHEST = 2**31 - 2
SCRATCH = "TORCHINDUCTOR_CACHE_DIR"


class CompiledStep:
    """A compiled decode step for a fixed batch size.

    Raises RuntimeError if its file can't be loaded.
    """

    def __init__(self, code: Path) -> None:
        self._runner: Any = torch._C._aoti.AOTIModelContainerRunnerCpu(str(code), 1)

    def __call__(self, ids: Tensor, state: DecodingState) -> Tensor:
        """The next tokens' logits, (B, vocab_size), after adding ids (B, 1) to the state.

        The state must be of full length and hold something already.
        """
        logits: Tensor = self._runner.run(list(inputs_of(ids, state)))[0]
        state.length += 1
        return logits


class Step(nn.Module):
    """What is traced. How many columns there are is told by a shape, as code takes no numbers."""

    def __init__(self, model: Decoder) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        ids: Tensor,
        past: Tensor,
        padding: Tensor,
        layers: Sequence[dict[str, Tensor]],
    ) -> Tensor:
        state = DecodingState(layers, padding)
        state.length = past.shape[0]
        return self.model.decode(ids, state)


def inputs_of(ids: Tensor, state: DecodingState) -> Iterable[Tensor]:
    yield ids.contiguous()
    yield torch.empty(state.length, dtype=torch.int8)
    if state.padding is None:  # code is compiled for rows of any lengths
        state.padding = torch.zeros(len(ids), dtype=torch.int64)
    yield state.padding
    for layer in state.layers:
        yield from layer.values()


# ── On disk ───────────────────────────────────────────────────────────────────────────────────────


class CompiledSteps:
    """The compiled decode steps of a model in evaluation mode.

    ``origin`` identifies the values of its weights.

    >>> import zoo
    >>> model = zoo.build(zoo.load_recipe("recipes/smoke.toml"), 300)
    >>> CompiledSteps(model, "never compiled").load(rows=1) is None
    True
    """

    def __init__(self, model: Decoder, origin: str) -> None:
        self.model = model
        self.origin = origin

    def folder(self, rows: int) -> Path:
        """Its name holds a hash of all that the code depends on."""
        found = hashlib.sha256()
        about = (
            self.origin,
            rows,
            self.model.embedding.weight.dtype,
            torch.__version__,
            torch.backends.cpu.get_cpu_capability(),
            torch.get_num_threads(),
        )
        found.update(repr(about).encode())
        for source in sources(self.model):
            found.update(source.read_bytes())
        return cache_dir() / "decoding" / f"step-{found.hexdigest()[:32]}"

    def load(self, rows: int) -> CompiledStep | None:
        """The compiled step for this batch size, or None."""
        code = self.folder(rows) / CODE
        if self.model.embedding.weight.device.type != "cpu" or not code.exists():
            return None
        try:
            step = CompiledStep(code)
            os.utime(code.parent)
        except (RuntimeError, OSError):  # damaged, or of another machine
            return None
        return step

    def compile(self, rows: int) -> None:
        """Compile the step for this batch size, in half a minute or so.

        Nothing else may use torch meanwhile: its compiler is not thread-safe.

        Raises:
            ZooError: it can't be compiled here, and why.
        """
        from tempfile import TemporaryDirectory
        from zipfile import ZipFile

        device = self.model.embedding.weight.device
        if device.type != "cpu":
            raise ZooError(f"decoding is compiled for the CPU alone, and this is on {device}")
        folder = self.folder(rows)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=".compiling-") as scratch:
            try:
                package = compiled(self.model, rows, Path(scratch))
                with ZipFile(package) as content:
                    (name,) = (name for name in content.namelist() if name.endswith(".so"))
                    code = Path(content.extract(name, scratch))
                check(self.model, rows, CompiledStep(code))
            except Exception as error:  # whatever compilers say
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise ZooError(f"decoding can't be compiled here: {reason}") from error
            with whole_folder(folder, replace=True) as unfinished:
                code.rename(unfinished / CODE)
        forget_oldest(folder.parent)


def sources(model: Decoder) -> list[Path]:
    """The files that the model's code comes from: its parts' whole top-level packages."""
    parts = [*model.modules(), *model.positions]
    modules = {sys.modules[name] for name in {type(part).__module__ for part in parts}}
    files: set[Path] = set()
    for module in modules:
        file = inspect.getsourcefile(module)
        if file is not None and not module.__name__.startswith("torch."):
            files.update(package_files(module.__name__.partition(".")[0]) or [Path(file)])
    return sorted(files)


def package_files(name: str) -> list[Path]:
    """All sources of a top-level package; none if it is a module alone."""
    folders = getattr(sys.modules.get(name), "__path__", ())
    return [file for folder in folders for file in Path(folder).rglob("*.py")]


def forget_oldest(folder: Path) -> None:
    used = sorted(folder.glob("step-*"), key=lambda step: step.stat().st_mtime)
    for step in used[:-KEPT]:
        remove_folder(step)


# ── Compiling ─────────────────────────────────────────────────────────────────────────────────────


def traced(model: Decoder, rows: int) -> ExportedProgram:
    """Export a decode step for a fixed batch size and a past of any length."""
    from torch.export import Dim, export
    from torch.fx.experimental import _config

    state = model.new_state(rows, padding=torch.zeros(rows, dtype=torch.int64))
    state.length = 2
    ids, past, *_ = inputs_of(torch.zeros(rows, 1, dtype=torch.int64), state)
    length = Dim("length", min=1, max=FARTHEST)
    dynamic = (None, {0: length}, None, [dict.fromkeys(layer) for layer in state.layers])
    given = (ids, past, state.padding, state.layers)
    # The filled part of a buffer is all of it in the end, which must make no difference.
    shapes: Any = _config
    with torch.no_grad(), shapes.patch(backed_size_oblivious=True):
        return export(Step(model).eval(), given, dynamic_shapes=dynamic)


def compiled(model: Decoder, rows: int, scratch: Path) -> Path:
    """Compile a decode step for a fixed batch size; return a zip file of the code."""
    program = traced(model, rows)
    check(model, rows, as_step(program))  # before it costs half a minute
    with torch.no_grad(), environment({SCRATCH: str(scratch)}):
        from torch._inductor import aoti_compile_and_package  # which looks where files shall go

        package = aoti_compile_and_package(
            program,
            package_path=str(scratch / "step.pt2"),
            inductor_configs={"freezing": True},
        )
    return Path(package)


def as_step(program: ExportedProgram) -> Stepping:
    """What was traced, to be run without having been compiled."""
    run = program.module()

    def step(ids: Tensor, state: DecodingState) -> Tensor:
        ids, past, *_ = inputs_of(ids, state)
        state.length += 1
        logits: Tensor = run(ids, past, state.padding, state.layers)
        return logits

    return step


@torch.no_grad()
def check(model: Decoder, rows: int, step: Stepping) -> None:
    """Compares some steps, after one token and across the end of the context.

    Raises:
        ValueError: they come out otherwise than those that aren't compiled, in logits or state.
    """
    tolerance = 0.05 if model.embedding.weight.dtype == torch.bfloat16 else 1e-3
    limit = model.position_limit or FARTHEST
    for n_prompt in {1, max(1, model.dims.max_seq_len - 2)}:
        n_steps = min(4, limit - n_prompt)
        ids = torch.arange(rows * (n_prompt + n_steps)).view(rows, -1) * 7 % model.dims.vocab_size
        padding = torch.arange(rows) % n_prompt if rows > 1 else None
        states = [model.new_state(rows, padding=padding) for _ in range(2)]
        for state in states:
            model.decode(ids[:, :n_prompt], state)
        for new in ids[:, n_prompt:].split(1, dim=1):
            asked, found = model.decode(new, states[0]), step(new, states[1])
            pairs = [(asked, found)]
            for one, other in zip(states[0].layers, states[1].layers, strict=True):
                pairs += [(one[name], other[name]) for name in one]
            for plain, fast in pairs:
                error, size = (plain - fast).abs().max().item(), plain.abs().max().item()
                if not error <= tolerance * max(size, 1):
                    raise ValueError(f"compiled, it differs by {error:.2g} of {size:.2g}")
