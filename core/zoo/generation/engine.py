"""The engine: generate token ids with a model on a device, for several requests at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from zoo.contracts import Sampler
from zoo.errors import ZooError
from zoo.generation.compiled_step import CompiledStep, CompiledSteps
from zoo.generation.sampling import draw, uniform_draws
from zoo.generation.weights import own_copy, packed_for
from zoo.model.context import Context
from zoo.model.decoder import Decoder

T = TypeVar("T")


class Engine:
    """Generate with a model, for several requests at once.

    Several threads may use one engine, and one thread may interleave requests: all state that
    changes during generation belongs to the request, so the result depends on the request alone.

    The engine has modules of its own, in evaluation mode, which share the model's tensors unless
    these are on another device. The model itself is never changed, and may be in training mode.
    Make a new engine when its weights have changed.

    Args:
        model: its weights have the precision to compute in.
        device: where to compute; None for the model's device.
        origin: identifies the weights, to find compiled steps on disk; None to use none.

    >>> import zoo
    >>> engine = Engine(zoo.build("recipes/smoke.toml"))
    >>> request = engine.request([[1, 2], [3]], [zoo.make("sampler", "greedy")], max_new_tokens=2)
    >>> [row for row, token in request]
    [0, 1, 0, 1]
    """

    def __init__(
        self, model: Decoder, device: torch.device | None = None, *, origin: str | None = None
    ) -> None:
        self.device = torch.device(model.embedding.weight.device if device is None else device)
        self.model = own = own_copy(model, self.device)
        self.steps = CompiledSteps(own, origin) if origin is not None else None
        self._step = KeptLast(self.steps.load if self.steps is not None else lambda rows: None)
        self._packed = KeptLast(lambda rows: packed_for(own, rows))

    def request(
        self,
        prompts: Sequence[Sequence[int]],
        samplers: Sequence[Sampler],
        *,
        max_new_tokens: int,
        seed: int = 0,
    ) -> Request:
        """Continue prompts of token ids as one batch, each by ``max_new_tokens``.

        Each row draws from a generator of its own, seeded by (seed, row). A compiled step is used
        if there is one for this batch size.

        Raises:
            ZooError: no prompts, an empty prompt, or no tokens asked for; during iteration, if the
                samplers exclude every token or the device runs out of memory.
        """
        if max_new_tokens < 1:
            raise ZooError(f"max_new_tokens = {max_new_tokens}: at least 1 is needed")
        if not prompts:
            raise ZooError("no prompt to continue")
        if not all(map(len, prompts)):
            raise ZooError("a prompt of no ids: at least the id that begins a document is needed")
        return Request(self, prompts, samplers, max_new_tokens, seed)

    def ready(self, rows: int) -> tuple[Decoder, CompiledStep | None]:
        """The model and its compiled step for a batch size; without a step, with packed weights."""
        step = self._step(rows)
        if step is not None:
            return self.model, step
        packed = self._packed(rows)
        assert packed is not None
        return packed, None


class Request:
    """A batch of prompts to continue; ``Engine.request`` makes one.

    Iteration yields (row, token id) and must stay in one thread at a time. Its state is freed when
    it ends or when the iterator is dropped.
    """

    def __init__(
        self,
        engine: Engine,
        prompts: Sequence[Sequence[int]],
        samplers: Sequence[Sampler],
        max_new_tokens: int,
        seed: int,
    ) -> None:
        self.engine = engine
        self.prompts = prompts
        self.samplers = samplers
        self.max_new_tokens = max_new_tokens
        self.seed = seed
        self.rows = list(range(len(prompts)))

    def end(self, row: int) -> None:
        """Stop a row; may be called during iteration."""
        self.rows.remove(row)

    @torch.inference_mode()
    def __iter__(self) -> Iterator[tuple[int, int]]:
        try:
            yield from self._tokens()
        except torch.OutOfMemoryError as error:
            reason = str(error).partition("\n")[0]
            told = f"{self.engine.device} has no memory left for this batch ({reason})"
            raise ZooError(f"{told}: continue fewer or shorter prompts at once") from None

    def _tokens(self) -> Iterator[tuple[int, int]]:
        """Pad prompts on the left to one length; yield each row's next token, step by step.

        Stopped rows leave the batch, unless a compiled step decodes it, whose batch size is fixed.
        """
        device, batch = self.engine.device, list(range(len(self.prompts)))
        model, step = self.engine.ready(len(batch))
        lengths = list(map(len, self.prompts))
        longest = max(lengths)
        history = History([[-1] * (longest - len(p)) + list(p) for p in self.prompts], device)
        uniforms = [uniform_draws(self.seed, row) for row in batch]
        states: list[dict[str, Any]] = [{} for _ in self.samplers]
        context = Context(model, lengths, longest + self.max_new_tokens if step is None else None)
        logits = context.read(history.ids)
        for left in range(self.max_new_tokens, 0, -1):
            for sampler, own in zip(self.samplers, states, strict=True):
                logits = sampler(logits, history.ids, own)
            tokens = draw(logits, [next(uniforms[row]) for row in batch])
            for row, token in zip(batch, tokens.tolist(), strict=True):
                if row in self.rows:
                    yield row, token
            if not self.rows or left == 1:
                return
            history.add(tokens.to(device).unsqueeze(1))
            if len(self.rows) < len(batch) and step is None:
                kept = [batch.index(row) for row in self.rows]
                context.select(kept)
                at = torch.tensor(kept, device=device)
                history.select(at)
                for own in states:
                    own.update({k: v[at] for k, v in own.items() if isinstance(v, Tensor)})
                batch = list(self.rows)
            logits = context.add(history.ids, step or model.decode)


class History:
    """All token ids so far, (B, L), in a buffer that doubles when it is full."""

    def __init__(self, ids: list[list[int]], device: torch.device) -> None:
        self._buffer = torch.tensor(ids, device=device)
        self._length = self._buffer.shape[1]

    @property
    def ids(self) -> Tensor:
        return self._buffer[:, : self._length]

    def add(self, new: Tensor) -> None:
        """Append one id per row, (B, 1)."""
        if self._length == self._buffer.shape[1]:
            self._buffer = torch.cat((self._buffer, torch.empty_like(self._buffer)), dim=1)
        self._buffer[:, self._length : self._length + 1] = new
        self._length += 1

    def select(self, rows: Tensor) -> None:
        self._buffer = self._buffer[rows]


class KeptLast(Generic[T]):
    """Call ``make(batch size)`` and keep the last result. Thread-safe.

    None is not kept: the next call tries again.
    """

    def __init__(self, make: Callable[[int], T | None]) -> None:
        self._make = make
        self._lock = Lock()
        self._rows = 0
        self._made: T | None = None

    def __call__(self, rows: int) -> T | None:
        with self._lock:
            if self._made is None or self._rows != rows:
                self._rows, self._made = rows, None  # frees its memory first
                self._made = self._make(rows)
            return self._made
