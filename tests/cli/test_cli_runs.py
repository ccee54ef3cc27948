"""`zoo train` and `zoo generate`."""

from __future__ import annotations

import io
import json
import shlex
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from commands import (
    NORM_FILE,
    error_of,
    fresh_registry,  # noqa: F401  (this and the next ones are fixtures)
    inside,  # noqa: F401
    output_of,
    posix,
    started,
    trained,  # noqa: F401
)

import zoo
from zoo.api import train as api_train
from zoo.api.run import Run
from zoo.catalog.entries import Failure
from zoo.cli import main
from zoo.parallel import group as distributed
from zoo.parallel.interrupts import Interrupted
from zoo.training.loop import Session
from zoo.training.trainer import Trainer

ENDLESS = ("--max-new-tokens", "1000000", "--temperature", "0")
"""Greedy, a model this young repeats one token for ever."""

# ── train ─────────────────────────────────────────────────────────────────────────────────────────


def test_training_ends_with_a_summary_whose_numbers_are_true(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = output_of(capsys, "train", "tiny.toml")
    run = Path(next(line.split()[1] for line in out.splitlines() if line.startswith("run ")))
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["event"] == "valid"
    length = zoo.open_run(run).recipe.model.options["max_seq_len"]
    assert f"{last['loss']:.4f} nats per token, in windows of {length}\n" in out
    assert f"{last['bits_per_byte']:.4f} bits per byte" in out
    (sample,) = (run / "samples").iterdir()
    assert str(sample) in out
    assert sample.read_text(encoding="utf-8").strip() in out


def test_a_finished_run_resumed_tells_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("--set", "train.steps=2", "--out", "finished")
    told = output_of(capsys, "train", "tiny.toml", *changes)
    assert output_of(capsys, "train", "--resume", "finished") == told


@pytest.mark.usefixtures("fresh_registry")
def test_a_run_whose_plug_in_is_gone_says_which_and_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("mine.py").write_text(NORM_FILE, encoding="utf-8")
    changes = ("--set", "model.norm=mine", "--set", "train.steps=2", "--out", "with-mine")
    output_of(capsys, "train", "tiny.toml", "--plugin", "mine.py", *changes)
    zoo.registry.cache_clear()
    zoo.registry().failures.append(Failure("other", "2.1", "other", "ImportError: no wheels"))
    said = error_of(capsys, "train", "--resume", "with-mine")
    assert "with-mine was made with mine sha256:" in said
    assert "install it, or name its file with --plugin" in said
    assert "; plug-in other 2.1 could not be loaded: ImportError: no wheels" in said


def test_a_resumed_run_goes_by_its_own_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--resume", "runs/tiny-1"]) == 0
    assert "\ntiny-1: " in capsys.readouterr().err


def test_texts_go_on_beyond_the_positions(capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("model.position=learned", "generate.max_new_tokens=100")
    flags = [word for change in changes for word in ("--set", change)]
    assert "nats per token" in output_of(capsys, "train", "tiny.toml", "--out", "learned", *flags)
    greedy = ("generate", "learned", "--temperature", "0")
    assert len(output_of(capsys, *greedy, "--prompt", "a")) > 60
    assert len(output_of(capsys, *greedy, "--prompt", 99 * "a")) > 99 + 60


@pytest.mark.parametrize(
    ("error", "code"), [(Interrupted(signal.SIGINT), 130), (zoo.ZooError("nothing to draw"), 2)]
)
def test_the_summary_is_there_even_if_the_sample_fails(
    error: BaseException,
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def generate(*_: Any, **__: Any) -> str:
        raise error

    monkeypatch.setattr(Run, "generate", generate)
    assert main(["train", "tiny.toml", "--set", "train.steps=3"]) == code
    assert "nats per token" in capsys.readouterr().out


def test_the_command_to_try_works(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of(capsys, "train", "tiny.toml", "--set", "train.steps=2")
    tried = shlex.split(out.splitlines()[-1].removeprefix("try: "))
    assert tried[0] == "zoo"
    corpus = zoo.make("corpus", "stories", max_bytes=40_000, valid_bytes=10_000)
    assert next(corpus.documents("valid")).decode().startswith(tried[-1])
    assert len(tried[-1].split()) == 4
    assert output_of(capsys, *tried[1:])


def test_a_stand_in_is_told_after_training_and_before_generating(
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus = '{ name = "tinystories", offline = { name = "stories", max_bytes = 40_000 } }'
    changes = ("--set", f"data.corpus={corpus}", "--set", "train.steps=2", "--out", "stand-in")
    changes = (*changes, "--set", "train.observers=['console']")
    assert main(["train", "tiny.toml", *changes]) == 0
    out, err = capsys.readouterr()
    (notice,) = zoo.open_run("stand-in").info["notices"]
    assert notice in out
    assert f"\nnote: {notice[:60]}" in err
    assert not any(notice in line for line in err.splitlines() if line.startswith("note: "))
    assert "sentences of validation stand word for word in training" in notice
    assert main(["generate", "stand-in", "--prompt", ""]) == 0
    assert "stories, standing in offline for TinyStories" in capsys.readouterr().err


@pytest.mark.usefixtures("fresh_registry")
def test_the_command_to_go_on_works_whatever_the_names(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("my plug-in.py").write_text(NORM_FILE, encoding="utf-8")
    plain = Trainer.train_step

    def train_step(self: Trainer, *given: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return plain(self, *given)

    changes = ("--set", "model.norm=mine", "--set", "train.steps=3")
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", train_step)
        args = ("--out", "my $runs/a 1", "--plugin", "my plug-in.py")
        assert main(["train", "tiny.toml", *changes, *args]) == 130
    command = capsys.readouterr().err.splitlines()[-1].partition("go on with: ")[2]
    zoo.registry.cache_clear()
    assert "nats per token" in output_of(capsys, *shlex.split(command)[1:])


def test_the_command_to_go_on_names_the_processes() -> None:
    run, trainer = Path("runs/tiny-1"), SimpleNamespace(total_steps=30)
    session: Any = SimpleNamespace(dir=run, info=SimpleNamespace(world=2), trainer=trainer)
    command = "zoo train --resume runs/tiny-1 --nproc 2"
    assert Session.how_to_resume(session).endswith(f"go on with: {command}")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("message", ["", "saved at step 2 of 4"])
def test_an_interrupt_says_what_was_saved(
    signum: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise Interrupted(signum, message)

    monkeypatch.setattr(api_train, "train", interrupted)
    assert main(["train", "tiny.toml"]) == 128 + signum
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == (f"interrupted: {message}" if message else "interrupted")


def test_several_processes_are_launched_with_the_same_arguments(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[Any] = []
    monkeypatch.setattr(distributed, "launch", lambda *given: launched.append(given) or 130)
    args = ["train", "tiny.toml", "--nproc", "2", "--set", "train.steps=3"]
    assert main(args) == 130
    assert launched == [(2, args)]
    assert "model.norm" in error_of(capsys, *args, "--set", "model.norm=nope")
    assert "a multiple of 96" in error_of(capsys, "train", "tiny.toml", "--nproc", "3")
    assert len(launched) == 1


# ── generate ──────────────────────────────────────────────────────────────────────────────────────


def test_generates_the_text_of_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of(capsys, "generate", "runs/tiny-1", "--prompt", "Once é", "--seed", "5")
    assert out == zoo.open_run("runs/tiny-1").generate("Once é", seed=5) + "\n"
    assert out.startswith("Once é")


def test_the_newest_run_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--prompt", "a", "--max-new-tokens", "1"]) == 0
    newest = max(Path("runs").iterdir(), key=lambda run: (run / "checkpoints").stat().st_mtime_ns)
    assert str(newest) in capsys.readouterr().err


def test_the_header_tells_the_seed_that_repeats_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--prompt", "a"]) == 0
    first = capsys.readouterr()
    seed = first.err.split("seed ")[1].split()[0]
    assert output_of(capsys, "generate", "--prompt", "a", "--seed", seed) == first.out
    assert output_of(capsys, "generate", "--prompt", "a", "--seed", seed + "1") != first.out


def test_flags_replace_the_samplers_of_the_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    def drawn(*flags: str) -> str:
        return output_of(capsys, "generate", "runs/tiny-1", "--prompt", "a", *flags)

    greedy = drawn("--temperature", "0", "--seed", "1")
    assert greedy == drawn("--temperature", "0", "--seed", "2")
    assert greedy == drawn("--top-k", "1", "--seed", "3")
    assert greedy == drawn("--top-p", "1e-9", "--temperature", "2", "--seed", "4")
    assert greedy != drawn("--temperature", "1", "--seed", "1")


@pytest.mark.parametrize(
    ("typed", "prompt"),
    [("One day", "One day"), ("a\nb\n", "a\nb"), ("über\r\n", "über"), ("", "")],
)
def test_a_piped_prompt(typed: str, prompt: str) -> None:
    process = started("generate", "runs/tiny-1", "--seed", "1", stdin=subprocess.PIPE)
    out, _ = process.communicate(typed.encode())
    expected = zoo.open_run("runs/tiny-1").generate(prompt, seed=1)
    assert out.decode().replace("\r\n", "\n") == expected.replace("\r\n", "\n") + "\n"


def test_samples_stand_under_headers_and_are_those_of_a_batch(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = output_of(
        capsys, "generate", "runs/tiny-1", "--prompt", "a", "--num-samples", "3", "--seed", "2"
    )
    texts = ["a", "a", "a"]
    for row, text in zoo.open_run("runs/tiny-1").stream(texts, seed=2):
        texts[row] += text
    for number, text in enumerate(texts, start=1):
        assert f"--- sample {number} of 3 ---\n{text}\n\n" in out


@pytest.mark.parametrize(
    ("name", "content", "prompts"),
    [
        (
            "some.txt",
            "One day\n\na\r\nOnce upon a time, b",
            ["One day", "a", "Once upon a time, b"],
        ),
        ("some.jsonl", '{"prompt": "a\\nb"}\n{"prompt": ""}\n', ["a\nb", ""]),
    ],
)
def test_prompts_of_a_file_are_continued_as_one_batch(
    name: str, content: str, prompts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content.encode())
    given = ("--batch-file", str(tmp_path / name), "--num-samples", "2", "--seed", "2")
    out = output_of(capsys, "generate", "runs/tiny-1", *given)
    texts = [prompt for prompt in prompts for _ in range(2)]
    for row, text in zoo.open_run("runs/tiny-1").stream(list(texts), seed=2):
        texts[row] += text
    headed = [f"--- sample {n} of {len(texts)} ---\n{text}\n\n" for n, text in enumerate(texts, 1)]
    assert out == "".join(headed)  # in order, whichever ended first
    lines = output_of(capsys, "generate", "runs/tiny-1", *given, "--json").split("\n")
    read = [json.loads(line) for line in lines[:-1]]
    assert [about["prompt"] for about in read] == [prompt for prompt in prompts for _ in range(2)]
    assert [about["prompt"] + about["text"] for about in read] == texts


def test_one_text_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    args = ("generate", "runs/tiny-1", "--prompt", "a", "--seed", "2")
    about = json.loads(output_of(capsys, *args, "--json"))
    assert about.keys() == {"prompt", "text"}
    assert about["prompt"] + about["text"] + "\n" == output_of(capsys, *args)


def test_a_prompt_of_a_file_that_is_refused_is_told_with_its_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    changes = ("--set", "tokenizer=char", "--set", "train.steps=2", "--out", "characters")
    assert main(["train", "tiny.toml", *changes]) == 0
    Path("odd.txt").write_text("a\n\n猫\n", encoding="utf-8")
    (line,) = error_of(capsys, "generate", "characters", "--batch-file", "odd.txt").splitlines()
    assert line.startswith("error: odd.txt:3: the prompt can't be encoded: the character '猫'")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.txt", b"\n \n", "a.txt: no prompt in it"),
        ("a.txt", b"\xff", "a.txt: not UTF-8 (byte 0)"),
        ("a.jsonl", b'{"prompt": "x"}\n{', "a.jsonl:2: no JSON"),
        ("a.jsonl", b'{"text": "x"}', 'a.jsonl:1: write {"prompt": "'),
    ],
)
def test_a_file_without_prompts_is_one_line(
    name: str, content: bytes, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert main(["generate", "runs/tiny-1", "--batch-file", str(tmp_path / name)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line


def test_a_sample_ends_before_a_stop_text(capsys: pytest.CaptureFixture[str]) -> None:
    whole = output_of(capsys, "generate", "--prompt", "a", "--seed", "1", "--temperature", "1")
    stop = whole[10:12]
    cut = output_of(
        capsys, "generate", "--prompt", "a", "--seed", "1", "--temperature", "1", "--stop", stop
    )
    assert cut.rstrip("\n") == "a" + whole[1:].partition(stop)[0]


def test_flags_leave_the_other_samplers_of_the_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    def drawn(seed: int, *flags: str) -> str:
        return output_of(capsys, "generate", "greedy", "--prompt", "a", "--seed", f"{seed}", *flags)

    chain = '[{ name = "top_k", k = 1 }, { name = "temperature", value = 0.5 }]'
    changes = ("--set", f"generate.samplers={chain}", "--set", "train.steps=2", "--out", "greedy")
    assert main(["train", "tiny.toml", *changes]) == 0
    greedy = drawn(1)
    assert greedy == drawn(2) == drawn(2, "--top-p", "1", "--temperature", "3")
    assert greedy != drawn(2, "--top-k", "100", "--temperature", "3")
    samplers = [{"name": "temperature", "value": 0.5}, {"name": "top_k", "k": 9}, {"name": "top_p"}]
    made = [zoo.make("sampler", **options) for options in samplers]
    asked = zoo.open_run("greedy").generate("a", samplers=made, seed=4)
    assert drawn(4, "--top-k", "9", "--top-p", "0.95") == asked + "\n"


@pytest.mark.parametrize(
    "args", [("--prompt", "é"), ("--prompt", "é", "--num-samples", "2"), ("piped",)], ids=" ".join
)
def test_a_prompt_that_cannot_be_encoded_is_one_line(
    args: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("chars").exists():
        for name in ("cats.txt", "dogs.txt"):
            Path(name).write_text("the cat and the dog sat\n" * 500, encoding="utf-8")
        corpus = '{ name = "text", files = ["cats.txt"], valid_files = ["dogs.txt"] }'
        changes = ("--set", f"data.corpus={corpus}", "--set", "tokenizer=char")
        assert main(["train", "tiny.toml", *changes, "--out", "chars"]) == 0
    if args == ("piped",):
        monkeypatch.setattr("sys.stdin", io.StringIO("é\n"))
        args = ()
    (said,) = error_of(capsys, "generate", "chars", *args).splitlines()
    assert said.startswith("error: the prompt can't be encoded: the character 'é'")
    (said,) = error_of(capsys, "tokenizer", "encode", "é", "--tokenizer", "chars").splitlines()
    assert said.startswith("error: the character 'é'")


def test_nothing_is_said_before_a_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    (said,) = error_of(capsys, "generate", "--prompt", "a", "--top-p", "2").splitlines()
    assert "p must be above 0" in said


def test_a_run_is_found_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    args = ("--prompt", "a", "--seed", "1")
    assert output_of(capsys, "generate", "tiny-1", *args) == output_of(
        capsys, "generate", "runs/tiny-1", *args
    )


@posix
def test_a_closed_pipe_is_met_quietly() -> None:
    process = started("generate", "runs/tiny-1", "--prompt", "a", *ENDLESS)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(2)
    process.stdout.close()
    assert len(process.stderr.read().splitlines()) == 1  # the header
    assert process.wait() == 128 + signal.SIGPIPE


@posix
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_text_ends_with_its_line(signum: int) -> None:
    process = started("generate", "runs/tiny-1", "--prompt", "a", *ENDLESS)
    assert process.stdout is not None
    begun = process.stdout.read(2)
    process.send_signal(signum)
    out, err = process.communicate()
    assert process.returncode == 128 + signum
    assert (begun + out).endswith(b"\n")
    assert err.decode().splitlines()[1:] == ["interrupted"]


def test_generating_imports_nothing_slow_that_it_has_no_use_for() -> None:
    slow = {"numba", "matplotlib", "rich", "torch._dynamo", "torch._inductor"}
    generate = "main(['generate', 'runs/tiny-1', '--prompt', 'a'])"
    code = f"import sys; from zoo.cli import main; {generate}; print({slow!r} & {{*sys.modules}})"
    out, _ = started(code=code).communicate()
    assert out.splitlines()[-1] == b"set()"
