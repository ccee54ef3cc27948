"""The command line: what each command prints, and how it ends."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli

import zoo
from zoo import cli, distributed, runner
from zoo.api import count_parameters
from zoo.cli import COMMANDS, main
from zoo.cli.describe import snippet
from zoo.component import find_component
from zoo.contracts import KINDS
from zoo.data import prepare
from zoo.interrupts import Interrupted

RECIPE = """\
zoo = 1
data.corpus = { name = "stories", max_bytes = 40_000, valid_bytes = 10_000 }
tokenizer = { name = "byte" }
optimizer = { name = "adamw", lr = 1e-2 }
scheduler = { name = "cosine", warmup = 2 }

[model]
d_model = 16
n_layers = 2
n_heads = 2
max_seq_len = 32

[train]
steps = 30
batch_tokens = 256
eval_tokens = 512
precision = "float32"
device = "cpu"
observers = ["jsonl"]

[generate]
max_new_tokens = 40
"""

NORM_FILE = """\
import zoo
from zoo_builtin.norms import RMSNorm


class Mine(RMSNorm):
    \"\"\"My own norm.\"\"\"


@zoo.hookimpl
def zoo_register(registry):
    registry.norm("mine", Mine)
"""

ENDLESS = ("--max-new-tokens", "1000000", "--temperature", "0")
"""Greedy, a model this young repeats one token for ever."""

posix = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and with a run of it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    assert main(["train", str(folder / "tiny.toml"), "--out", str(folder / "runs/tiny-1")]) == 0
    return folder


@pytest.fixture(autouse=True)
def inside(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    """Forgets afterwards what ``--plugin`` loaded."""
    yield
    zoo.registry.cache_clear()


def started(*args: str, code: str = "", **more: Any) -> subprocess.Popen[bytes]:
    """``python -m zoo ARGS``, or ``python -c CODE``, as a process of its own."""
    command = ["-c", code] if code else ["-m", "zoo", *args]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *command], **{**pipes, **more})


def error_of(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """What a command that must fail says on standard error."""
    capsys.readouterr()
    assert main(args) == 2
    said = capsys.readouterr()
    assert not said.out
    return said.err


def output_of(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """What a command that must succeed says on standard output."""
    capsys.readouterr()
    assert main(args) == 0
    return capsys.readouterr().out


# ── Help ──────────────────────────────────────────────────────────────────────────────────────────

SUBCOMMANDS = (
    ("tokenizer", "train"),
    ("tokenizer", "encode"),
    ("tokenizer", "decode"),
    ("data", "prepare"),
    ("data", "inspect"),
)


@pytest.mark.parametrize(
    "command", [(), *((name,) for name in COMMANDS), *SUBCOMMANDS], ids=" ".join
)
def test_help(
    command: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    snapshot: Any,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    assert capsys.readouterr().out == snapshot


@pytest.mark.parametrize("command", [[], ["tokenizer"], ["data"]])
def test_a_command_alone_prints_its_help(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    alone = output_of(capsys, *command)
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    assert alone == capsys.readouterr().out


def test_help_needs_no_heavy_package() -> None:
    code = (
        "import sys, zoo.cli\n"
        "try: zoo.cli.main(['--help'])\n"
        "finally: print(sorted({'torch', 'numpy', 'rich', 'zoo_builtin'} & {*sys.modules}))"
    )
    out, _ = started(code=code).communicate()
    assert out.decode().splitlines()[-1] == "[]"


def test_version_through_python_m() -> None:
    out, _ = started("--version").communicate()
    assert out.decode().split() == ["zoo", zoo.__version__]


# ── Mistakes ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ("trian", "no command 'trian'; did you mean 'train'?"),
        ("train", "name either a recipe or, with --resume, a run"),
        ("train nowhere.toml", "nowhere.toml"),
        ("train tiny.toml --resume runs/tiny-1", "name either a recipe or"),
        ("train --resume runs/tiny-1 --set train.steps=9", "leave out --set"),
        ("train --resume nowhere", "nowhere: no such file or folder"),
        ("train tiny.toml --nproc 0", "--nproc: 0 is less than 1"),
        ("train tiny.toml --out runs/tiny-1", "exists already"),
        ("train tiny.toml --sett a=b", "--sett"),
        ("check", "RECIPE"),
        ("check tiny.toml --plugin nowhere.py", "--plugin: nowhere.py: no such file"),
        ("list nrom", "no kind 'nrom'; did you mean 'norm'?"),
        ("describe nrom", "no kind 'nrom'; did you mean 'norm'?"),
        ("describe norm rmsnrom", "no norm named 'rmsnrom'; did you mean 'rmsnorm'?"),
        ("generate nowhere", "nowhere: no such run (in runs/: tiny-1)"),
        ("generate --max-new-tokens 0", "--max-new-tokens: 0 is less than 1"),
        ("generate --temperature hot", "--temperature: 'hot' is no finite number"),
        ("generate --prompt a --top-p 2", "p must be above 0 and at most 1"),
        ("tokenizer encod", "encod"),
        ("tokenizer encode x", "--tokenizer"),
        ("tokenizer encode x --tokenizer nowhere", "nowhere: no such file or folder"),
        ("tokenizer encode x --tokenizer runs", "no tokenizer"),
        ("tokenizer encode x --tokenizer runs/tiny-1 --file tiny.toml", "not both"),
        ("tokenizer encode x --tokenizer runs/tiny-1 --out ids.txt", "must end in .npy"),
        ("tokenizer decode --tokenizer runs/tiny-1", "either ids or --file"),
        ("tokenizer decode 257 --tokenizer runs/tiny-1", "no token has the id 257"),
        ("tokenizer decode --file tiny.toml --tokenizer runs/tiny-1", "no .npy file of ids"),
        ("tokenizer train nowhere.txt --out new", "nowhere.txt: no such file or folder"),
        ("tokenizer train tiny.toml --out runs", "runs: exists already"),
        ("tokenizer train tiny.toml --vocab-size 3 --out new", "vocab_size = 3 is too small"),
        ("tokenizer train tiny.toml --name bep --out new", "did you mean 'bpe'?"),
    ],
)
def test_a_mistake_is_one_clear_line(
    args: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = error_of(capsys, *args.split()).removeprefix("checking tiny.toml\n")
    assert expected in said
    assert "Traceback" not in said
    assert not Path("new").exists()


def test_all_problems_of_a_recipe_one_a_line_then_their_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad.toml").write_text(
        'extends = "tiny.toml"\nmodel.norm = "rmsnrom"\ntrain.stesp = 3\noptimizer.lr = "high"\n'
    )
    *problems, number = error_of(capsys, "check", "bad.toml").splitlines()
    assert [line.split(": ")[:2] for line in problems] == [
        ["bad.toml:2", "model.norm"],
        ["bad.toml:3", "train.stesp"],
        ["bad.toml:4", "optimizer.lr"],
    ]
    assert number == "bad.toml: 3 problems"
    assert error_of(capsys, "train", "bad.toml").splitlines()[1:] == [*problems, "3 problems"]


def test_what_the_operating_system_refuses_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "runs/tiny-2/metrics.jsonl")

    monkeypatch.setattr(runner, "train", full)
    said = error_of(capsys, "train", "tiny.toml").splitlines()
    assert said[-1] == "error: runs/tiny-2/metrics.jsonl: No space left on device"


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "train", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["train", "tiny.toml"])


def test_warnings_are_plain(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def warning(*_: Any, **__: Any) -> None:
        warnings.warn("the corpus is cut", stacklevel=1)
        raise zoo.ZooError("no more")

    monkeypatch.setattr(runner, "train", warning)
    said = error_of(capsys, "train", "tiny.toml").splitlines()
    assert said[-2:] == ["warning: the corpus is cut", "error: no more"]


def test_only_the_first_process_speaks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "PATIENCE", 0.0)
    monkeypatch.setenv("RANK", "1")
    assert error_of(capsys, "train", "tiny.toml", "--set", "model.norm=nope") == ""


# ── train ─────────────────────────────────────────────────────────────────────────────────────────


def test_training_ends_with_a_summary_whose_numbers_are_true(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = output_of(capsys, "train", "tiny.toml")
    run = Path(next(line.split()[1] for line in out.splitlines() if line.startswith("run ")))
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["event"] == "valid"
    assert f"{last['loss']:.4f} nats per token" in out
    assert f"{last['bits_per_byte']:.4f} bits per byte" in out
    (sample,) = (run / "samples").iterdir()
    assert str(sample) in out
    assert sample.read_text(encoding="utf-8").strip() in out


def test_a_finished_run_resumed_tells_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("--set", "train.steps=2", "--out", "finished")
    told = output_of(capsys, "train", "tiny.toml", *changes)
    assert output_of(capsys, "train", "--resume", "finished") == told


def test_the_command_to_try_works(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of(capsys, "train", "tiny.toml", "--set", "train.steps=2")
    tried = shlex.split(out.splitlines()[-1].removeprefix("try: "))
    assert tried[0] == "zoo"
    assert output_of(capsys, *tried[1:])


def test_a_stand_in_is_told_after_training_and_before_generating(
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus = '{ name = "tinystories", offline = { name = "stories", max_bytes = 40_000 } }'
    changes = ("--set", f"data.corpus={corpus}", "--set", "train.steps=2", "--out", "stand-in")
    out = output_of(capsys, "train", "tiny.toml", *changes)
    (notice,) = zoo.open_run("stand-in").info["notices"]
    assert notice in out
    assert main(["generate", "stand-in", "--prompt", ""]) == 0
    assert notice in capsys.readouterr().err


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

    monkeypatch.setattr(runner, "train", interrupted)
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


def test_a_sample_ends_before_a_stop_text(capsys: pytest.CaptureFixture[str]) -> None:
    whole = output_of(capsys, "generate", "--prompt", "a", "--seed", "1", "--temperature", "1")
    stop = whole[10:12]
    cut = output_of(
        capsys, "generate", "--prompt", "a", "--seed", "1", "--temperature", "1", "--stop", stop
    )
    assert cut.rstrip("\n") == "a" + whole[1:].partition(stop)[0]


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


# ── check, list, describe, plugins ────────────────────────────────────────────────────────────────


def test_check_tells_size_and_goes_on_after_a_bad_recipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "tiny.toml", "nowhere.toml", "tiny.toml"]) == 2
    said = capsys.readouterr()
    n_parameters = sum(p.numel() for p in zoo.build(zoo.load_recipe("tiny.toml")).parameters())
    size = f"{n_parameters / 1000:.3g} k parameters, 7.68 k tokens in 30 steps"
    assert said.out.splitlines() == [f"tiny.toml: ok, {size}"] * 2
    assert said.err.splitlines()[-1] == "nowhere.toml: 1 problem"


def test_list_shows_every_component(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of(capsys, "list")
    entries = zoo.registry().entries()
    assert len(out.split("\n\n")) == len(KINDS)
    for entry in entries:
        (group,) = (text for text in out.split("\n\n") if text.startswith(f"{entry.kind}: "))
        lines = [line.split(maxsplit=2) for line in group.splitlines()[1:]]
        assert [entry.name, entry.owner, entry.summary] in lines


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(output_of(capsys, "list", "--json"))
    assert {(e["kind"], e["name"]) for e in listed} == {
        (e.kind, e.name) for e in zoo.registry().entries()
    }
    norms = json.loads(output_of(capsys, "list", "norm", "--json"))
    assert norms == [entry for entry in listed if entry["kind"] == "norm"]
    assert set(norms[0]) == {"kind", "name", "summary", "owner", "version"}


ENTRIES = [(entry.kind, entry.name) for entry in zoo.registry().entries()]


@pytest.mark.parametrize(("kind", "name"), ENTRIES, ids=map(" ".join, ENTRIES))
def test_describe_shows_options_source_and_lines_that_a_recipe_takes(
    kind: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = output_of(capsys, "describe", kind, name)
    entry = zoo.registry().find(kind, name)
    assert entry.doc in out
    assert f"{entry.file}:{entry.line}" in out
    options = out.partition("\noptions\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in options.splitlines()] == list(entry.options)
    lines = snippet(entry, name)
    assert all(f"  {line}" in out.splitlines() for line in lines.splitlines())
    ((section, table),) = tomli.loads(lines).items()
    value = table if section == kind else next(iter(table.values()))
    value = value[0] if isinstance(value, list) else value
    table = {"name": value} if isinstance(value, str) else dict(value)
    assert find_component(zoo.registry(), kind, table.pop("name"), table).entry is entry


@pytest.mark.parametrize("section", ["data", "model", "train", "generate"])
def test_describe_explains_every_key_of_a_section(
    section: str, capsys: pytest.CaptureFixture[str]
) -> None:
    described = output_of(capsys, "describe", section).partition("\noptions\n")
    resolved = zoo.load_recipe("tiny.toml").resolved()[section]
    assert {line.split()[0] for line in described[2].splitlines()} == set(resolved)
    if section != "model":
        assert all(f"    {key}: " in described[0] for key in resolved)


@pytest.mark.parametrize("kind", KINDS)
def test_describe_prints_the_contract_of_a_kind(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = output_of(capsys, "describe", kind)
    assert f"class {KINDS[kind].contract.__name__}(Protocol):" in out
    assert all(entry.name in out for entry in zoo.registry().entries(kind))


def test_a_component_of_a_local_file(
    capsys: pytest.CaptureFixture[str], fresh_registry: None
) -> None:
    Path("mine.py").write_text(NORM_FILE, encoding="utf-8")
    assert "no norm named 'mine'" in error_of(
        capsys, "check", "tiny.toml", "--set", "model.norm=mine"
    )
    assert "ok" in output_of(
        capsys, "check", "tiny.toml", "--set", "model.norm=mine", "--plugin", "mine.py"
    )
    assert "My own norm." in output_of(capsys, "list", "norm", "--plugin", "mine.py")
    assert "norm  mine" in output_of(capsys, "plugins", "--plugin", "mine.py")


def test_a_broken_plugin_breaks_nothing_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "zoo_broken.py").write_text("import a_package_that_is_missing\n")
    info = tmp_path / "zoo_broken-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-broken\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[zoo]\nbroken = zoo_broken\n")
    code = (
        "from zoo.cli import main\n"
        "for args in ['list norm', 'plugins', 'check tiny.toml',\n"
        "             'check tiny.toml --set model.norm=dyt']:\n"
        "    print('exit', main(args.split()))"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = started(code=code, env={**os.environ, "PYTHONPATH": path})
    out, err = (said.decode() for said in process.communicate())
    assert [line for line in out.splitlines() if line.startswith("exit")] == [
        *["exit 0"] * 3,
        "exit 2",
    ]
    reason = "could not be loaded: ModuleNotFoundError: No module named 'a_package_that_is_missing'"
    assert f"zoo-broken 0.3 (broken)\n  {reason}" in out.replace(os.linesep, "\n")
    assert f"plug-in zoo-broken 0.3 {reason}" in err


# ── tokenizer, data ───────────────────────────────────────────────────────────────────────────────

TEXT = "the cat sat on the mat 🐈\n" * 40 + "<|endoftext|>" + "a dog — a dog\n" * 40


@pytest.fixture
def tokenizer_dir(tmp_path: Path) -> Path:
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8", newline="")
    options = ("--vocab-size", "280", "--out", str(tmp_path / "bpe"))
    assert main(["tokenizer", "train", str(text), *options]) == 0
    return tmp_path / "bpe"


def test_a_trained_tokenizer_encodes_and_decodes(
    tokenizer_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--tokenizer", str(tokenizer_dir))
    ids = output_of(capsys, "tokenizer", "encode", "the cat 🐈", *flags).split()
    loaded = zoo.load_tokenizer(tokenizer_dir)
    assert loaded.vocab_size == 280
    assert [int(i) for i in ids] == loaded.encode("the cat 🐈").tolist()
    assert len(ids) < len("the cat 🐈".encode())
    assert output_of(capsys, "tokenizer", "decode", *ids, *flags) == "the cat 🐈"


def test_a_file_is_encoded_and_decoded_exactly(
    tokenizer_dir: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    raw = b"the cat \xff\xfe\r\n" * 100
    (tmp_path / "raw").write_bytes(raw)
    flags = ("--tokenizer", str(tokenizer_dir))
    ids = tmp_path / "ids.npy"
    assert (
        main(["tokenizer", "encode", "--file", f"{tmp_path}/raw", "--out", f"{ids}", *flags]) == 0
    )
    assert np.load(ids).dtype == np.uint16
    capsysbinary.readouterr()
    assert main(["tokenizer", "decode", "--file", str(ids), *flags]) == 0
    assert capsysbinary.readouterr().out == raw


def test_special_tokens_come_in_the_order_given(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    special = ("--special-token", "<|end|>", "--special-token", "<|user|>")
    args = ("--name", "char", *special, "--out", str(tmp_path / "char"))
    assert main(["tokenizer", "train", str(tmp_path / "text.txt"), *args]) == 0
    tokenizer = zoo.load_tokenizer(tmp_path / "char")
    assert tokenizer.decode([tokenizer.eot]) == "<|end|>"
    assert set("🐈—") <= set(tokenizer.decode(range(tokenizer.vocab_size or 0)))


def test_a_run_is_a_tokenizer(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of(capsys, "tokenizer", "encode", "zoo", "--tokenizer", "runs/tiny-1")
    assert out.split() == [str(byte) for byte in b"zoo"]


def test_data_prepare_counts(capsys: pytest.CaptureFixture[str]) -> None:
    out = output_of(capsys, "data", "prepare", "tiny.toml")
    data = prepare(zoo.load_recipe("tiny.toml"))
    assert f"{len(data.train):,} tokens, {data.train.documents:,} documents" in out
    assert f"{len(data.valid):,} tokens, {data.valid.documents:,} documents" in out
    assert str(data.dir) in out


def test_data_inspect_counts(capsys: pytest.CaptureFixture[str]) -> None:
    report = json.loads(output_of(capsys, "data", "inspect", "tiny.toml", "--json"))
    data = prepare(zoo.load_recipe("tiny.toml"))
    ids = np.concatenate(data.train.shards)
    values, counts = np.unique(ids, return_counts=True)
    assert report["tokens"] == len(ids) == data.train.bytes + data.train.documents
    assert report["never_used"] == 257 - len(values)
    assert report["special_share"] == pytest.approx((ids == data.tokenizer.eot).mean())
    assert report["most_frequent"][0]["count"] == counts.max()
    assert report["batch"]["rows"] == 8

    text = output_of(capsys, "data", "inspect", "tiny.toml")
    assert f"{len(ids):,} (" in text
    assert f"{len(values)} of 257 ids occur" in text
    assert f"{counts.max():,}" in text
    assert report["batch"]["sample"] in text


# ── From Python ───────────────────────────────────────────────────────────────────────────────────


def test_make_takes_parts_by_name_by_table_and_as_a_class() -> None:
    dims = zoo.Dims(16, 2, 2, 8, 32, 257)
    made = zoo.make("position", "rope", dims, base=500)
    assert type(made) is type(zoo.make("position", "rope", dims))
    stories = {"name": "stories", "max_bytes": 1000}
    factory = zoo.registry().find("corpus", "stories").factory
    for offline in ("stories", stories, factory):
        assert zoo.make("corpus", "tinystories", offline=offline)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zoo.make("nrom", "rmsnorm", 8), "did you mean 'norm'"),
        (lambda: zoo.make("norm", "rmsnrom", 8), "did you mean 'rmsnorm'"),
        (lambda: zoo.make("norm", "rmsnorm", 8, esp=1.0), "did you mean 'eps'"),
        (lambda: zoo.make("norm", "rmsnorm", 8, eps="small"), "expected float"),
        (lambda: zoo.make("norm", "rmsnorm"), "dim"),
        (lambda: zoo.make("tokenizer", "bpe", 300), "Options go by name"),
        (lambda: zoo.make("sampler", "top_p", p=2.0), "p must be above 0"),
        (lambda: zoo.make("corpus", "tinystories", offline="stroies"), "did you mean 'stories'"),
    ],
)
def test_make_refuses_clearly(call: Any, message: str) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        call()


def test_build_needs_a_vocabulary() -> None:
    recipe = zoo.load_recipe("tiny.toml", ["tokenizer=char"])
    with pytest.raises(zoo.ZooError, match="pass vocab_size"):
        zoo.build(recipe)
    model = zoo.build(recipe, 60)
    assert model.dims.vocab_size == 60
    assert model.embedding.weight.device.type == "cpu"


def test_parameters_are_counted_without_being_made() -> None:
    recipe = zoo.load_recipe("tiny.toml")
    assert count_parameters(recipe) == sum(p.numel() for p in zoo.build(recipe).parameters())
