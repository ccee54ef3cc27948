"""Continue prompts as a stream of text."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence

from zoo.contracts import Sampler, Tokenizer
from zoo.errors import ZooError
from zoo.generation.engine import Engine, Request

DEFAULT_NEW_TOKENS = 256


def stream(
    engine: Engine,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    samplers: Sequence[Sampler],
    *,
    max_new_tokens: int = DEFAULT_NEW_TOKENS,
    seed: int = 0,
    stop: Sequence[str] = (),
) -> Iterator[tuple[int, str]]:
    """Continue the prompts as one batch; yield (row, new text) as soon as text is certain.

    A row ends at the end-of-text token, before the first of the ``stop`` strings, or after
    ``max_new_tokens``; an empty text then says so. Text that may turn out to be part of a character
    or of a stop string is held back until it is known. Each row draws from a generator of its own,
    a function of (seed, row).

    Raises:
        ZooError: at once, for a prompt that can't be encoded, or for no prompts or tokens; later,
            where the samplers leave nothing to draw.
    """
    ids = [[tokenizer.eot, *encoded(prompt, tokenizer)] for prompt in prompts]
    request = engine.request(ids, samplers, max_new_tokens=max_new_tokens, seed=seed)
    return texts_of(request, tokenizer, stop)


def encoded(text: str, tokenizer: Tokenizer, what: str = "prompt") -> list[int]:
    """The ids of a text. Raises ZooError for none, or one that the tokenizer can't encode."""
    if not isinstance(text, str):
        raise ZooError(f"the {what} must be a string, not {text!r}")
    try:
        return [int(token) for token in tokenizer.encode(text)]
    except ValueError as error:
        raise ZooError(f"the {what} can't be encoded: {error}") from error


def texts_of(
    request: Request, tokenizer: Tokenizer, stop: Sequence[str]
) -> Iterator[tuple[int, str]]:
    """Yield a request's tokens as ``stream`` does."""
    writers = [Writer(tokenizer, stop) for _ in request.prompts]
    for row, token in request:
        ended = token == tokenizer.eot
        text = writers[row].end() if ended else writers[row].write(token)
        if text:
            yield row, text
        if ended or writers[row].stopped:
            request.end(row)
            yield row, ""
    for row in request.rows:
        if text := writers[row].end():
            yield row, text
        yield row, ""


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
