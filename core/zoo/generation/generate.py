"""From a prompt to text, one token at a time."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.catalog.component import find_component
from zoo.catalog.plugins import registry
from zoo.contracts import Make, Sampler, Tokenizer
from zoo.errors import ZooError
from zoo.generation.compiled_step import CompiledSteps
from zoo.generation.weights import pack
from zoo.model.build import derived_seed
from zoo.model.context import Context
from zoo.model.decoder import Decoder

DEFAULT_NEW_TOKENS = 256

WORDS = {"top_k": "k", "temperature": "value", "top_p": "p"}
"""The samplers that a word of a command or of a call asks for, and which option that word sets."""


def stream(
    model: Decoder,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    samplers: Sequence[Sampler],
    *,
    max_new_tokens: int = DEFAULT_NEW_TOKENS,
    seed: int = 0,
    stop: Sequence[str] = (),
    steps: CompiledSteps | None = None,
) -> Iterator[tuple[int, str]]:
    """Continues the prompts as one batch; yields (row, new text) as soon as text is certain.

    A row ends at the end-of-text token, before the first of the ``stop`` strings, or after
    ``max_new_tokens``; an empty text then says so. Text that may turn out to be part of a character
    or of a stop string is held back until it is known. Each row draws from a generator of its own,
    a function of (seed, row). Compiled ``steps`` are used if there are any for so many rows.

    Raises:
        ZooError: at once, for a prompt that can't be encoded, or for no prompts or tokens; later,
            where the samplers leave nothing to draw.
    """
    if max_new_tokens < 1:
        raise ZooError(f"max_new_tokens = {max_new_tokens}: at least 1 is needed")
    ids = [[tokenizer.eot, *encoded(prompt, tokenizer)] for prompt in prompts]
    if not ids:
        raise ZooError("no prompt to continue")
    return stream_texts(model, tokenizer, ids, samplers, max_new_tokens, seed, stop, steps)


def encoded(text: str, tokenizer: Tokenizer, what: str = "prompt") -> list[int]:
    """The ids of a text. Raises ZooError for none, or one that the tokenizer can't encode."""
    if not isinstance(text, str):
        raise ZooError(f"the {what} must be a string, not {text!r}")
    try:
        return [int(token) for token in tokenizer.encode(text)]
    except ValueError as error:
        raise ZooError(f"the {what} can't be encoded: {error}") from error


def chosen_samplers(
    chain: Sequence[Make[Sampler]], words: Mapping[str, float | None]
) -> list[Sampler]:
    """A recipe's chain as words change it, those of ``WORDS``; None leaves it as it is.

    What a word asks for takes the place of the chain's sampler of that name, or else comes after
    the chain; the others stay.

    Raises:
        ZooError: a value that doesn't fit.
    """
    asked: dict[str, Sampler] = {}
    for name, option in WORDS.items():
        value = words.get(name)
        if value is None:
            continue
        try:
            asked[name] = find_component(registry(), "sampler", name, {option: value})()
        except ZooError as error:
            raise ZooError(
                f"{name} = {value!r}: {str(error).removeprefix(f'{option}: ')}"
            ) from None
    own: Any = chain
    chosen = [asked.get(component.entry.name) or component() for component in own]
    return chosen + [sampler for sampler in asked.values() if sampler not in chosen]


def stream_texts(
    model: Decoder,
    tokenizer: Tokenizer,
    ids: Sequence[Sequence[int]],
    samplers: Sequence[Sampler],
    n_new: int,
    seed: int,
    stop: Sequence[str],
    steps: CompiledSteps | None,
) -> Iterator[tuple[int, str]]:
    """What ``stream`` yields, from prompts that are encoded already."""
    writers = [Writer(tokenizer, stop) for _ in ids]
    rows = list(range(len(ids)))
    for row, token in stream_ids(model, ids, samplers, n_new, seed, rows, steps):
        ended = token == tokenizer.eot
        text = writers[row].end() if ended else writers[row].write(token)
        if text:
            yield row, text
        if ended or writers[row].stopped:
            rows.remove(row)
            yield row, ""
    for row in rows:
        if text := writers[row].end():
            yield row, text
        yield row, ""


@torch.inference_mode()
def stream_ids(
    model: Decoder,
    prompts: Sequence[Sequence[int]],
    samplers: Sequence[Sampler],
    n_new: int,
    seed: int,
    rows: list[int],
    steps: CompiledSteps | None = None,
) -> Iterator[tuple[int, int]]:
    """Yields (row, token) for each of ``rows``; the caller removes a row from the list to end it.

    Prompts of different lengths are padded on the left; rows that ended leave the batch, but not
    one that is decoded by compiled code, whose size is fixed.
    """
    was_training = model.training
    model.eval()
    device = model.embedding.weight.device
    lengths = list(map(len, prompts))
    longest = max(lengths)
    history = History([[-1] * (longest - len(p)) + list(p) for p in prompts], device)
    uniforms = [uniform_draws(seed, row) for row in rows]
    states: list[dict[str, Any]] = [{} for _ in samplers]
    batch = list(rows)
    step = steps.load(len(batch)) if steps is not None else None
    context = Context(model, lengths, longest + n_new if step is None else None)
    if step is None:
        pack(model, len(batch))
    try:
        logits = context.read(history.ids)
        for left in range(n_new, 0, -1):
            for sampler, own in zip(samplers, states, strict=True):
                logits = sampler(logits, history.ids, own)
            tokens = draw(logits, [next(uniforms[row]) for row in batch])
            for row, token in zip(batch, tokens.tolist(), strict=True):
                if row in rows:
                    yield row, token
            if not rows or left == 1:
                return
            history.add(tokens.to(device).unsqueeze(1))
            if len(rows) < len(batch) and step is None:
                kept = [batch.index(row) for row in rows]
                context.select(kept)
                at = torch.tensor(kept, device=device)
                history.select(at)
                for own in states:
                    own.update({k: v[at] for k, v in own.items() if isinstance(v, Tensor)})
                batch = list(rows)
            logits = context.add(history.ids, step or model.decode)
    finally:
        model.train(was_training)


class History:
    """All ids so far, (B, L): a buffer that doubles when it is full."""

    def __init__(self, ids: list[list[int]], device: torch.device) -> None:
        self._buffer = torch.tensor(ids, device=device)
        self._length = self._buffer.shape[1]

    @property
    def ids(self) -> Tensor:
        return self._buffer[:, : self._length]

    def add(self, new: Tensor) -> None:
        """One more id a row, (B, 1)."""
        if self._length == self._buffer.shape[1]:
            self._buffer = torch.cat((self._buffer, torch.empty_like(self._buffer)), dim=1)
        self._buffer[:, self._length : self._length + 1] = new
        self._length += 1

    def select(self, rows: Tensor) -> None:
        self._buffer = self._buffer[rows]


def uniform_draws(seed: int, row: int, at_once: int = 64) -> Iterator[float]:
    """A row's own source of randomness: numbers in [0, 1) without end."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "row", row))
    while True:
        yield from torch.rand(at_once, generator=generator, dtype=torch.float64).tolist()


def draw(logits: Tensor, uniforms: Sequence[float]) -> Tensor:
    """One token a row, (B,), from softmax(logits), with a uniform draw for each row.

    Inverts the cumulative distribution at the uniform draw, on the CPU: the same for every device.
    """
    cumulative = logits.cpu().softmax(-1).cumsum(-1, dtype=torch.float64)
    if not cumulative[:, -1].isfinite().all():
        raise ZooError("the samplers left no token to draw: their logits are all −inf, or NaN")
    threshold = torch.tensor(uniforms, dtype=torch.float64)[:, None] * cumulative[:, -1:]
    # Right: a draw of exactly 0 must not fall on a leading token of probability 0.
    return torch.searchsorted(cumulative, threshold, right=True).squeeze(1)


class Writer:
    """Turns one row's tokens into text that won't be taken back."""

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str]) -> None:
        self.stopped = False
        self._bytes: Callable[[list[int]], bytes] = tokenizer.decode_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = [text for text in stop if text]
        self._held = ""

    def write(self, token: int) -> str:
        """The text that is certain after one more token."""
        return self._release(self._decoder.decode(self._bytes([token])))

    def end(self) -> str:
        """What was held back, now that nothing follows."""
        text = self._release(self._decoder.decode(b"", final=True))
        held, self._held = self._held, ""
        return text + held

    def _release(self, text: str) -> str:
        text = self._held + text
        self._held = ""
        ends = [at for at in (text.find(stop) for stop in self._stop) if at >= 0]
        if ends:
            self.stopped = True
            return text[: min(ends)]
        keep = max((overlap(text, stop) for stop in self._stop), default=0)
        if keep:
            text, self._held = text[:-keep], text[-keep:]
        return text


def overlap(text: str, stop: str) -> int:
    """Length of the longest end of ``text`` that is a proper beginning of ``stop``.

    >>> overlap("once upon", "on the")
    2
    """
    return next(
        (n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0
    )
