"""Several requests at once from one engine: each as if it were alone, the model untouched."""

from __future__ import annotations

import gc
import shutil
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import zip_longest
from threading import Barrier
from typing import Any, NamedTuple

import pytest
import torch
from commands import inside, trained  # noqa: F401  (fixtures)
from torch import Tensor, nn

import zoo
from zoo.generation.compiled_step import CompiledSteps, as_step, traced
from zoo.generation.engine import Engine
from zoo.model.decoder import Decoder
from zoo.model.kv_cache import DecodingState
from zoo.testing import decoding
from zoo_builtin.attention.softmax import FullAttention
from zoo_builtin.positions import Learned, RoPE

compiles = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")


class Noisy(FullAttention):
    """Its outputs are noise in training mode."""

    def forward(self, x: Tensor, *rest: Any) -> Tensor:
        return nn.functional.dropout(super().forward(x, *rest), 0.5, self.training)


class Asked(NamedTuple):
    """What a request asks for; a row of each ends early, at its n-th token."""

    prompts: list[list[int]]
    seed: int
    end_row_after: int = 10

    def tokens(self, engine: Engine) -> Iterator[tuple[int, int]]:
        request = engine.request(self.prompts, SAMPLERS, max_new_tokens=40, seed=self.seed)
        for nth, (row, token) in enumerate(request):
            yield row, token
            if nth == self.end_row_after:
                request.end(row)


SAMPLERS = [
    zoo.make("sampler", "repetition_penalty", penalty=1.3),
    zoo.make("sampler", "top_p", p=0.9),
]
ASKED = [
    Asked([[5, 6]], seed=1, end_row_after=30),  # the first to end
    Asked([[1], [2, 3, 4], list(range(20))], seed=0),
    Asked([[1], [2, 3, 4], list(range(20))], seed=2),
    Asked([[7, 8, 9], [1]], seed=3),
]


def model_of(position: Any = RoPE, dtype: torch.dtype = torch.float32) -> Decoder:
    """A model in training mode, in which it would draw noise."""
    return decoding.decoder(Noisy, position).to(dtype).train()


def plain(monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(model_of())


def reading_anew(monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(model_of(Learned))


def bfloat16(monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(model_of(dtype=torch.bfloat16))


def traced_steps(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine(model_of(), origin="traced")
    steps = {rows: as_step(traced(engine.model, rows)) for rows in (1, 3)}
    monkeypatch.setattr(CompiledSteps, "load", lambda self, rows: steps.get(rows))
    return Engine(model_of(), origin="traced")


def compiled_steps(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine(model_of(), origin="tests/generation/test_engine.py")
    assert engine.steps is not None
    for rows in (1, 3):  # two rows are left to be decoded without
        if engine.steps.load(rows) is None:
            engine.steps.compile(rows)
    return engine


Made = Callable[[pytest.MonkeyPatch], Engine]
every_way = pytest.mark.parametrize(
    "made",
    [
        *(plain, reading_anew, bfloat16, traced_steps),
        pytest.param(compiled_steps, marks=[compiles, pytest.mark.slow]),
    ],
)


@every_way
def test_threads_get_what_each_gets_alone(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = made(monkeypatch)
    alone = [list(asked.tokens(engine)) for asked in ASKED]
    together = Barrier(len(ASKED), timeout=60)

    def answered(asked: Asked) -> list[list[tuple[int, int]]]:
        together.wait()
        return [list(asked.tokens(engine)) for _ in range(3)]

    with ThreadPoolExecutor(len(ASKED)) as threads:
        answers = list(threads.map(answered, ASKED))
    assert answers == [3 * [tokens] for tokens in alone]


@every_way
def test_streams_in_turn_get_what_each_gets_alone(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = made(monkeypatch)
    alone = [list(asked.tokens(engine)) for asked in ASKED]
    turns = list(zip_longest(*(asked.tokens(engine) for asked in ASKED)))
    for nth, tokens in enumerate(alone):
        assert [turn[nth] for turn in turns if turn[nth] is not None] == tokens


def test_a_model_in_training_mode_generates_as_in_evaluation_mode_and_stays_as_it_is() -> None:
    model = model_of()
    model.blocks[1].eval()  # a mixture that no switching to and fro would bring back
    before = everything_in(model)
    engine = Engine(model)
    tokens = ASKED[1].tokens(engine)
    found = [next(tokens)]
    assert everything_in(model) == before
    found += tokens
    assert everything_in(model) == before
    assert found == list(ASKED[1].tokens(Engine(model_of().eval())))
    weights = dict(engine.model.named_parameters())
    for name, weight in model.named_parameters():
        assert weights[name].data_ptr() == weight.data_ptr(), f"{name} was copied"


def everything_in(model: nn.Module) -> dict[str, Any]:
    """Each module's attributes; tensors and other objects by which they are, and their versions."""

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: told(inner) for name, inner in value.items()}
        version = value._version if isinstance(value, Tensor) else 0
        return value if isinstance(value, (bool, int, float, str)) else (id(value), version)

    return {name: told(vars(module)) for name, module in model.named_modules()}


def test_an_engine_changes_nothing_of_its_own_modules_in_a_request() -> None:
    engine = Engine(model_of(dtype=torch.bfloat16))
    before = everything_in(engine.model)
    tokens = ASKED[1].tokens(engine)
    next(tokens)
    assert everything_in(engine.model) == before
    list(tokens)
    assert everything_in(engine.model) == before


def test_a_request_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    list(ASKED[1].tokens(Engine(model_of())))
    assert torch.equal(torch.get_rng_state(), before)


@contextmanager
def watched_states(monkeypatch: pytest.MonkeyPatch) -> Iterator[weakref.WeakSet[DecodingState]]:
    """The decoding states that are alive; nothing is collected that is merely unreachable."""
    alive: weakref.WeakSet[DecodingState] = weakref.WeakSet()
    new_state = Decoder.new_state

    def watched(self: Decoder, *given: Any, **more: Any) -> DecodingState:
        state = new_state(self, *given, **more)
        alive.add(state)
        return state

    monkeypatch.setattr(Decoder, "new_state", watched)
    gc.collect()
    gc.disable()
    try:
        yield alive
    finally:
        gc.enable()


@pytest.mark.parametrize("how", ["closed", "dropped"])
def test_an_abandoned_stream_leaves_no_state_behind(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = zoo.open_run("runs/tiny-1")
    with watched_states(monkeypatch) as alive:
        pieces: Any = run.stream(["One day", "a"], seed=1)
        others = run.stream("One day", seed=1)
        next(pieces)
        text = "One day" + next(others)[1]
        assert len(alive) == 2
        if how == "closed":
            pieces.close()
        del pieces
        assert len(alive) == 1
        text += "".join(new for _, new in others)
        assert text == run.generate("One day", seed=1)
        assert len(alive) == 0


def test_a_stop_that_raises_leaves_the_engine_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(model_of())
    alone = list(ASKED[1].tokens(engine))

    def fails(*_: Any) -> Tensor:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(nn.functional, "embedding", fails)
        with pytest.raises(RuntimeError, match="out of memory"):
            list(ASKED[1].tokens(engine))
    assert list(ASKED[1].tokens(engine)) == alone


def test_no_memory_left_is_told_with_what_to_do() -> None:
    def needs_too_much(*_: Any) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore of it")

    request = Engine(model_of()).request([[1]], [needs_too_much], max_new_tokens=1)
    with pytest.raises(zoo.ZooError, match=r"cpu has no memory left .* 2 GiB\.\): continue fewer"):
        list(request)


def test_a_request_is_the_same_every_time_it_is_iterated() -> None:
    request = Engine(model_of()).request([[1], [2, 3], [4]], SAMPLERS, max_new_tokens=8)
    whole = list(request)
    request.end(0)
    assert list(request) == [(row, token) for row, token in whole if row != 0]


def test_compiled_blocks_generate_as_they_are_written() -> None:
    model = model_of()
    for block in model.blocks:
        block.compile()  # type: ignore[operator]
    engine = Engine(model)
    assert all(module._compiled_call_impl is None for module in engine.model.modules())
    assert list(ASKED[0].tokens(engine)) == list(ASKED[0].tokens(Engine(model_of())))


def test_threads_open_a_run_once() -> None:
    run = zoo.open_run("runs/tiny-1")
    together = Barrier(4, timeout=60)

    def generated(seed: int) -> tuple[Any, str]:
        together.wait()
        text = run.generate("One day", seed=seed, max_new_tokens=20)
        return run.engine, text

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(generated, range(4)))
    assert len({id(engine) for engine, _ in found}) == 1
    for seed, (_, text) in enumerate(found):
        assert text == run.generate("One day", seed=seed, max_new_tokens=20)


@pytest.mark.parametrize(
    ("prompts", "tokens", "message"),
    [([], 1, "no prompt"), ([[1], []], 1, "a prompt of no ids"), ([[1]], 0, "max_new_tokens = 0")],
)
def test_a_request_that_makes_no_sense_is_refused_at_once(
    prompts: list[list[int]], tokens: int, message: str
) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        Engine(model_of()).request(prompts, [], max_new_tokens=tokens)
