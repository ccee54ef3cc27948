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
    """A run directory, opened. ``zoo.open_run(path)`` makes one.

    Several threads may generate from one run, and streams may be read in turn.

    Raises:
        ZooError: no run or no checkpoint there.
    """

    reading = RLock()
    """Held while files are read and models are made, which is done once, by one thread."""

    @classmethod
    def of(cls, saved: SavedRun) -> Run:
        """The same run, with all that can be done with it."""
        run = cls(saved.dir)
        vars(run).update(vars(saved))  # what was read already
        return run

    @cached_property
    def model(self) -> Decoder:
        """The trained model in float32, in evaluation mode."""
        import torch

        return self.model_in(torch.float32)

    @cached_property
    def engine(self) -> Engine:
        """What generates: in bfloat16 if it may and if that is faster here."""
        import torch

        from zoo.compute.device import choose_precision
        from zoo.generation.engine import Engine

        asked = self.recipe.train.precision
        if asked == "auto" and self.checkpoint.state.precision == "float32":
            asked = "float32"  # what training found
        precision = choose_precision(asked, torch.device("cpu"))
        model = self.model_in(torch.bfloat16) if precision == "bfloat16" else self.model
        return Engine(model, origin=self.checkpoint.digest)

    @cached_property
    def scorer(self) -> Engine:
        """The same in float32, for ``logits`` and ``loss``."""
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
        """The trained model with weights of this type."""
        from zoo.generation.weights import load_weights
        from zoo.model.init import undrawn

        self.check_shapes()
        with undrawn():
            model: Decoder = self.recipe.model(self.tokenizer.vocab_size, self.recipe.train.seed)
        return load_weights(model, self.checkpoint.model, dtype)

    def logits(self, ids: Any) -> Tensor:
        """The model's float32 logits, (T, vocab_size) or (B, T, vocab_size), on the CPU.

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
        first of several.

        Raises:
            ZooError: options that don't fit, or a prompt that can't be encoded.
        """
        from zoo.generation.sampling import chosen_samplers
        from zoo.generation.text_stream import DEFAULT_NEW_TOKENS, stream

        settings = self.recipe.generate
        words = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        if samplers is not None and any(value is not None for value in words.values()):
            raise ZooError("samplers is a whole chain: put temperature, top_k and top_p into it")
        with self.reading:
            engine, tokenizer = self.engine, self.tokenizer
        return stream(
            engine,
            tokenizer,
            [prompts] if isinstance(prompts, str) else prompts,
            chosen_samplers(settings.samplers, words) if samplers is None else samplers,
            max_new_tokens=(
                settings.max_new_tokens or DEFAULT_NEW_TOKENS
                if max_new_tokens is None
                else max_new_tokens
            ),
            seed=seed,
            stop=[stop] if isinstance(stop, str) else stop,
        )


def open_run(path: str | Path | None = None, *, resumable: bool = False) -> Run:
    """Opens a run, or one checkpoint of it; the newest run under ``runs/`` where no path is given.

    A path may leave out ``runs/``. The checkpoint is the newest whole one, in which the optimizer's
    state is looked at only if training shall be ``resumable``. Needs no torch.

    Raises:
        ZooError: no run or no checkpoint there.
    """
    saved = open_saved(path, resumable=resumable)
    return Run.of(saved)
