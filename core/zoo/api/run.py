"""A run that was trained, and what can be done with it: generate, score, read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError
from zoo.run_files.saved import SavedRun, open_saved

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from zoo.contracts import Sampler
    from zoo.generation.compiled_step import CompiledSteps
    from zoo.generation.engine import Engine
    from zoo.generation.scoring import TextLoss
    from zoo.model.decoder import Decoder


class Run(SavedRun):
    """A run directory, opened. ``zoo.open_run(path, device="cuda")`` makes one.

    Several threads may generate from one run, and one thread may interleave streams.

    Attributes:
        device: the name of the device that ``model``, ``generate``, ``stream``, ``logits`` and
            ``loss`` compute on; "cpu" unless ``open_run`` was given another. No file records it.

    Raises:
        ZooError: no run or no checkpoint there.
    """

    device = "cpu"

    reading = RLock()
    """Held while files are read and models are made, which is done once, by one thread."""

    @classmethod
    def of(cls, saved: SavedRun, device: str = "cpu") -> Run:
        """The same run, with all that can be done with it."""
        run = cls(saved.dir)
        vars(run).update(vars(saved))  # what was read already
        run.device = device
        return run

    @cached_property
    def model(self) -> Decoder:
        """The trained model in float32, on the run's device, in evaluation mode."""
        import torch

        return self.model_in(torch.float32)

    @cached_property
    def engine(self) -> Engine:
        """The engine that generates: in bfloat16 if it may be and that is faster on the device."""
        import torch

        from zoo.compute.device import choose_precision
        from zoo.generation.engine import Engine

        asked = self.recipe.train.precision
        if asked == "auto" and self.checkpoint.state.precision == "float32":
            asked = "float32"  # what training found
        precision = choose_precision(asked, torch.device(self.device))
        model = self.model_in(torch.bfloat16) if precision == "bfloat16" else self.model
        return Engine(model, origin=self.checkpoint.digest)

    @cached_property
    def scorer(self) -> Engine:
        """The engine in float32, for ``logits`` and ``loss``."""
        from zoo.generation.engine import Engine

        return Engine(self.model)

    @property
    def decoder(self) -> Decoder:
        """The model as it generates."""
        return self.engine.model

    @property
    def steps(self) -> CompiledSteps:
        """Steps of decoding as compiled code, where there is some on disk."""
        steps = self.engine.steps
        assert steps is not None
        return steps

    def model_in(self, dtype: torch.dtype) -> Decoder:
        """The trained model with weights of this type, on the run's device.

        Raises:
            ZooError: the device has no memory left for them.
        """
        import torch

        from zoo.generation.weights import load_weights
        from zoo.model.init import undrawn

        self.check_shapes()
        with undrawn():
            model: Decoder = self.recipe.model(self.tokenizer.vocab_size, self.recipe.train.seed)
        model = load_weights(model, self.checkpoint.model, dtype)
        try:
            return model.to(self.device)
        except torch.OutOfMemoryError as error:
            reason = str(error).partition("\n")[0]
            raise ZooError(f"{self.dir} doesn't fit on {self.device}: {reason}") from None

    def logits(self, ids: Any) -> Tensor:
        """The model's float32 logits, (T, vocab_size) or (B, T, vocab_size), on its device.

        ``ids`` are those of a text, (T,), or of several, (B, T): a list, an array or a tensor.
        Nothing is put before them; documents of the training text begin after ``tokenizer.eot``.

        Raises:
            ZooError: no ids of the vocabulary, or more than the context holds.
        """
        from zoo.generation.scoring import logits

        with self.reading:
            engine = self.scorer
        return logits(engine, ids)

    def loss(self, text: str) -> TextLoss:
        """How well the model predicts a text: −log p of every token, their mean, bits per byte.

        Raises:
            ZooError: a text of no tokens, or one that can't be encoded.
        """
        from zoo.generation.scoring import text_loss

        with self.reading:
            engine, tokenizer = self.scorer, self.tokenizer
        return text_loss(engine, tokenizer, text)

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
        first of several. ``seed`` is from 0 to 2⁶³ − 1.

        Raises:
            ZooError: options that don't fit, or a prompt that can't be encoded.
        """
        from zoo.generation.options import count, prompts_of, samplers_of, scalar, seed_of, stops_of
        from zoo.generation.sampling import chosen_samplers
        from zoo.generation.text_stream import DEFAULT_NEW_TOKENS, stream

        asked = prompts_of(prompts)
        seed, stops = seed_of(seed), stops_of(stop)
        settings = self.recipe.generate
        if max_new_tokens is None:
            max_new_tokens = settings.max_new_tokens or DEFAULT_NEW_TOKENS
        limit = count("max_new_tokens", max_new_tokens)
        words = {
            "temperature": scalar(temperature),
            "top_k": scalar(top_k),
            "top_p": scalar(top_p),
        }
        if samplers is not None and any(value is not None for value in words.values()):
            raise ZooError("samplers is a whole chain: put temperature, top_k and top_p into it")
        if samplers is None:
            chain = chosen_samplers(settings.samplers, words)
        else:
            chain = samplers_of(samplers)
        with self.reading:
            engine, tokenizer = self.engine, self.tokenizer
        return stream(engine, tokenizer, asked, chain, max_new_tokens=limit, seed=seed, stop=stops)


def open_run(
    path: str | Path | None = None,
    *,
    resumable: bool = False,
    device: str | torch.device = "cpu",
) -> Run:
    """Opens a run, or one checkpoint of it; the newest run under ``runs/`` where no path is given.

    A path may leave out ``runs/``. The checkpoint is the newest whole one, in which the optimizer's
    state is looked at only if training shall be ``resumable``. Needs no torch on the CPU.

    ``device`` is where the model computes: "cpu", "cuda", "cuda:1", "mps", or "auto" for CUDA, else
    MPS, else the CPU.

    Raises:
        ZooError: no run or no checkpoint there, or no such device.
    """
    device = device_name(device)  # first: reading a large run takes a while
    saved = open_saved(path, resumable=resumable)
    return Run.of(saved, device)


def device_name(device: Any) -> str:
    """Where to compute, "auto" decided. Raises ZooError for what this machine lacks."""
    if device == "cpu":
        return "cpu"
    import torch

    from zoo.compute.device import find_device

    if not isinstance(device, (str, torch.device)):
        raise ZooError(f'device = {device!r}: expected a name such as "cuda" or "cpu"')
    return str(find_device(str(device), "device"))
