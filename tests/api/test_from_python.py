"""A run from Python: the command's words, what a model makes of a text, and what is refused."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import NORM_FILE, fresh_registry, inside, output_of, trained  # noqa: F401
from torch.nn.functional import log_softmax

import zoo
from zoo.api.run import Run
from zoo.data import batches as data
from zoo.data.prepare import find_prepared


@pytest.fixture
def run() -> Any:
    return zoo.open_run("runs/tiny-1")


@pytest.mark.parametrize(
    "words", [{"temperature": 0.5}, {"top_p": 0.5}, {"top_k": 3}, {"temperature": 2.0, "top_k": 9}]
)
def test_words_mean_what_the_commands_flags_mean(
    words: dict[str, float], run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [part for word, value in words.items() for part in (f"--{word}", str(value))]
    flags = [flag.replace("_", "-") for flag in flags]
    told = output_of(capsys, "generate", "runs/tiny-1", "--prompt", "a", "--seed", "3", *flags)
    text = run.generate("a", seed=3, **words)
    assert told == f"{text}\n"
    assert text != run.generate("a", seed=3)


def test_one_prompt_and_one_stop_are_no_lists_of_letters(run: Any) -> None:
    def texts(*given: Any, **more: Any) -> list[str]:
        pieces = list(run.stream(*given, max_new_tokens=30, temperature=1.0, **more))
        rows = 1 + max(row for row, _ in pieces)
        return ["".join(text for at, text in pieces if at == row) for row in range(rows)]

    (whole,) = texts("Vim")
    assert texts(["Vim"]) == [whole]
    assert len(texts(["Vim", "Vi"])) == 2
    stop = whole[9:11]
    assert texts("Vim", stop=stop) == [whole[: whole.index(stop)]]


def test_a_recipe_or_its_path_trains_and_builds_the_same(tmp_path: Path) -> None:
    recipe = zoo.load_recipe("tiny.toml")
    for given in ("tiny.toml", Path("tiny.toml")):
        built = zoo.build(given).state_dict()
        wanted = zoo.build(recipe).state_dict()
        assert all(torch.equal(wanted[name], tensor) for name, tensor in built.items())
    Path("short.toml").write_text('extends = "tiny.toml"\ntrain.steps = 2\n', encoding="utf-8")
    run = zoo.train("short.toml", out=tmp_path / "run")
    assert run.recipe.name == "short"
    assert run.checkpoint.step == 2


def test_runs_are_those_that_the_command_lists(tmp_path: Path) -> None:
    (state,) = zoo.runs()
    assert (state.dir, state.state, state.step) == (Path("runs/tiny-1"), "finished", 30)
    assert zoo.runs(tmp_path) == []


@pytest.mark.usefixtures("fresh_registry")
def test_a_plug_in_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "norms_of_mine.py"
    path.write_text(NORM_FILE, encoding="utf-8")
    zoo.load_plugin(path)
    zoo.load_plugin(str(path))
    assert zoo.make("norm", "mine", 8)(torch.ones(2, 8)).shape == (2, 8)
    path.write_text(NORM_FILE + "\n", encoding="utf-8")
    with pytest.raises(zoo.ZooError, match="changed since it was loaded: start Python again"):
        zoo.load_plugin(path)


@pytest.mark.parametrize("ids", [[1, 2, 3], np.array([1, 2, 3], "<u2"), torch.tensor([1, 2, 3])])
def test_logits_of_ids_of_any_make(ids: Any, run: Any) -> None:
    found = run.logits(ids)
    assert found.shape == (3, run.tokenizer.vocab_size)
    assert torch.equal(run.logits(np.array([[1, 2, 3]]))[0], found)
    with torch.no_grad():
        assert torch.equal(run.model(torch.tensor([[1, 2, 3]]))[0], found)


def test_loss_of_a_text_is_told_token_by_token(run: Any) -> None:
    text = "One day, Björn went out."
    told = run.loss(text)
    ids = run.tokenizer.encode(text).tolist()
    assert told.ids.tolist() == ids
    after = log_softmax(run.logits([run.tokenizer.eot, *ids[:-1]]).double(), -1)
    expected = [-after[at, token].item() for at, token in enumerate(ids)]
    assert told.nats.tolist() == pytest.approx(expected, rel=1e-5)
    assert told.loss == pytest.approx(sum(expected) / len(ids))
    assert told.bits_per_byte == pytest.approx(sum(expected) / math.log(2) / len(text.encode()))


def test_loss_of_a_long_text_is_that_of_its_windows(run: Any) -> None:
    text = "The cat sat on the mat and saw a dog. " * 3
    length = run.model.dims.max_seq_len
    told = run.loss(text)
    assert len(told.ids) > 3 * length
    seen = [run.tokenizer.eot, *told.ids.tolist()]
    third = seen[2 * length : 3 * length + 1]
    after = log_softmax(run.logits(third[:-1]), -1)
    expected = -after[torch.arange(length), torch.tensor(third[1:])]
    torch.testing.assert_close(told.nats[2 * length : 3 * length], expected)


def test_loss_of_a_document_is_what_validation_measures(run: Any) -> None:
    recipe = zoo.load_recipe("tiny.toml")
    tokens = find_prepared(recipe)
    assert tokens is not None
    length = run.model.dims.max_seq_len
    (window,) = data.windows(tokens.valid, np.array([0]), length)
    with torch.no_grad():
        ids = torch.from_numpy(window)[None]
        nll = run.model(ids[:, :-1], ids[:, 1:]).parts["nll"].item()
    after = log_softmax(run.logits(window[:-1]), -1)
    assert -after[torch.arange(length), window[1:]].sum().item() == pytest.approx(nll, rel=1e-4)


REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda run: run.generate("a", temperature="hot"), "temperature = 'hot': expected float"),
    (lambda run: run.generate("a", top_p=2), "top_p = 2: p must be above 0"),
    (lambda run: run.generate("a", top_k=0), "top_k = 0: "),
    (lambda run: run.generate("a", top_k=1, samplers=[]), "samplers is a whole chain"),
    (lambda run: run.generate(["a"]), r"the prompt must be a string, not \['a'\]"),
    (lambda run: run.stream([]), "no prompt to continue"),
    (lambda run: run.stream([3]), "the prompt must be a string, not 3"),
    (lambda run: run.loss(""), "no token to predict"),
    (lambda run: run.loss(b"abc"), "the text must be a string"),
    (lambda run: run.logits([]), "ids are integers"),
    (lambda run: run.logits([0.5]), "ids are integers"),
    (lambda run: run.logits([[1], [2, 3]]), "ids: "),
    (lambda run: run.logits([1, 5000]), "no id 5000 in a vocabulary of 257"),
    (lambda run: run.logits([-1]), "no id -1"),
    (lambda run: run.logits([1] * 33), "33 ids for a context of 32"),
    (lambda run: zoo.open_run(run.dir, device="cuda:99"), r"device = 'cuda:99' can't .* \(t"),
    (lambda run: zoo.open_run(run.dir, device="meta"), "device = 'meta' .* holds no numbers"),
    (lambda run: zoo.open_run(run.dir, device="gpu"), "device = 'gpu' can't be used here"),
    (lambda run: zoo.open_run(run.dir, device=3), "device = 3: expected a name such as"),
    (lambda run: zoo.train(run), "expected a recipe or the path of one, not <Run"),
    (lambda run: zoo.build({"model": {}}), "expected a recipe or the path of one, not {'model'"),
    (lambda run: zoo.train("nothing.toml"), "nothing.toml: no such file"),
    (lambda run: zoo.runs("nowhere"), "nowhere: no such folder"),
    (lambda run: zoo.load_plugin("nothing.py"), "nothing.py: no such file"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_does_not_fit_is_refused_clearly(
    call: Callable[[Any], Any], message: str, run: Any
) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        call(run)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (torch.tensor([1, 2, 3]), r"shape \(3,\): .*\(batch, tokens\).*write ids\[None\]"),
        (torch.ones(1, 2, 3, dtype=torch.long), r"shape \(1, 2, 3\): .*\(batch, tokens\)"),
        (torch.ones(1, 3), r"type torch.float32: .*such as torch.long"),
        ([[1, 2]], r"type list: a tensor of integers"),
    ],
)
def test_a_model_says_which_shape_it_wants(ids: Any, message: str) -> None:
    model = zoo.build("tiny.toml")
    for call in (model, lambda ids: model.decode(ids, model.new_state(1))):
        with pytest.raises(ValueError, match=message):
            call(ids)
    with pytest.raises(
        ValueError, match=r"targets of shape \(3,\): the shape of the ids, \(1, 3\)"
    ):
        model(torch.ones(1, 3, dtype=torch.long), torch.ones(3, dtype=torch.long))


def test_a_run_elsewhere_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    """As by the processes of other machines, which are given what the first one wrote."""
    there = Run(Path("runs/tiny-1"))
    assert there.generate("a") == zoo.open_run("runs/tiny-1").generate("a")
    elsewhere = Run(tmp_path / "nowhere", summary={"step": 7})
    assert repr(elsewhere).endswith("nowhere', step 7>")
    with pytest.raises(zoo.ZooError, match="nowhere: no such run"):
        _ = elsewhere.checkpoint


def test_the_suites_are_there_after_importing_zoo_alone() -> None:
    code = "import zoo; print(zoo.testing.check.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "check\n"
