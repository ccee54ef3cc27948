"""Whatever a file, a folder or a model says, a terminal shows it and obeys none of it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import RECIPE, posix
from told_runs import info, train_record

import zoo
from zoo import ZooError
from zoo.api.run import Run
from zoo.cli import main
from zoo.cli.text import for_reader, table
from zoo.console.progress import track
from zoo.console.shell import quoted
from zoo.console.terminal import harmless, on_one_line, readable
from zoo.run_files import checkpoint
from zoo_builtin.observers import Console, console

EVIL = "\x1b]0;owned\x07\x1b[31mred\x9b2J\x7f\r"
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

pytestmark = posix


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    changes = ["train.steps=2", "generate.max_new_tokens=8"]
    zoo.train(zoo.load_recipe(folder / "tiny.toml", changes), out=folder / "run")
    return folder


@pytest.fixture
def evil(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose label, notices and summary are not to be trusted, in a folder of such a name."""
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / f"a{EVIL}"
    shutil.copytree(trained / "run", run)
    shutil.copy(trained / "tiny.toml", tmp_path / f"tiny{EVIL}.toml")
    saved = run / "checkpoints/step-00000002"
    (run / "summary.json").write_text(json.dumps({"state": "failed", "reason": f"why{EVIL}"}))
    about = json.loads((saved / "manifest.json").read_text())
    state = json.loads((saved / "state.json").read_text())
    state.update(label=f"mine{EVIL}", notices=[f"note{EVIL}\nvalidation loss  0.1"], data="0" * 32)
    text = json.dumps(state).encode()
    (saved / "state.json").write_bytes(text)
    about["files"]["state.json"] = {
        "size": len(text),
        "sha256": checkpoint.sha256(saved / "state.json"),
    }
    (saved / "manifest.json").write_text(json.dumps(about))
    return run


def said(*args: str, code: int = 0) -> str:
    """What a command writes, on both streams."""
    command = [sys.executable, "-m", "zoo", *args]
    done = subprocess.run(command, capture_output=True, timeout=100)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode() + done.stderr.decode()


@pytest.mark.slow
def test_no_command_passes_on_what_a_run_says(evil: Path) -> None:
    listed = said("runs")
    assert "why\\x1b]0;owned" in listed
    assert "a\\x1b]0;owned" in listed
    generated = said(
        "generate", str(evil), "--prompt", "Hello", "--stop", "e", "--max-new-tokens=1"
    )
    assert "trained on mine\\x1b]0;owned" in generated
    checked = said("runs", "check", str(evil))
    for damaged in evil.glob("checkpoints/*/model.safetensors"):
        damaged.write_bytes(b"x")
    refused = said("generate", str(evil), code=2)
    recipe = said("check", f"tiny{EVIL}.toml") + said(
        "check", f"tiny{EVIL}.toml", "--set=a=1", code=2
    )
    for each in (listed, checked, refused, recipe):
        assert not COMMANDS.search(each)
    assert not COMMANDS.search(generated.splitlines()[-1])


def on_terminals(monkeypatch: pytest.MonkeyPatch) -> tuple[Terminal, Terminal]:
    """Standard output and standard error from here on, both terminals."""
    both = Terminal(), Terminal()
    for name, stream in zip(("stdout", "stderr"), both, strict=True):
        monkeypatch.setattr(sys, name, stream)
    return both


def speaking(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Has every run go on with this text."""

    def stream(self: Run, prompts: Any, **_: Any) -> Iterator[tuple[int, str]]:
        for row in range(len(prompts)):
            yield from ((row, piece) for piece in (*text, ""))

    monkeypatch.setattr(Run, "stream", stream)


SAID = f"Größe\tשלום 한국어\n{EVIL}"


@pytest.mark.parametrize("more", [[], ["--num-samples=2"], ["--json"]])
def test_a_model_s_text_is_harmless_on_a_terminal_and_unchanged_in_a_pipe(
    more: list[str],
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    speaking(monkeypatch, SAID)
    args = ["generate", str(trained / "run"), "--prompt", EVIL, *more]
    assert main(args) == 0
    piped = capsys.readouterr().out
    shown = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", shown)
        assert main(args) == 0
    if more == ["--json"]:
        for line in (piped, shown.getvalue()):
            assert json.loads(line) == {"prompt": EVIL, "text": SAID}
            assert not COMMANDS.search(line)
        return
    assert EVIL + SAID in piped
    assert not COMMANDS.search(shown.getvalue())
    assert f"Größe\tשלום 한국어\n{harmless(EVIL)}" in shown.getvalue()


def test_training_ends_with_a_sample_that_is_harmless(
    trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    out, _ = on_terminals(monkeypatch)
    speaking(monkeypatch, SAID)
    changes = ["--set=train.steps=2", "--set=train.observers=[]"]
    assert main(["train", str(trained / "tiny.toml"), *changes]) == 0
    assert harmless(SAID.strip()) in out.getvalue()
    assert not COMMANDS.search(out.getvalue())
    (sample,) = Path("runs/tiny-1/samples").iterdir()
    assert sample.read_bytes().decode() == SAID + "\n"


def test_decoded_text_is_harmless_on_a_terminal(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _ = on_terminals(monkeypatch)
    ids = [str(byte) for byte in EVIL.encode()]
    assert main(["tokenizer", "decode", "--tokenizer", str(trained / "run"), *ids]) == 0
    assert out.getvalue() == harmless(EVIL) + "\n"


def test_messages_and_warnings_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    _, err = on_terminals(monkeypatch)
    assert str(ZooError(EVIL)) == readable(EVIL)
    assert main([EVIL]) == 2
    assert main(["train", f"{EVIL}.toml"]) == 2
    monkeypatch.setattr("zoo.cli.run_command", lambda _: warnings.warn(EVIL, stacklevel=2))
    main([])
    monkeypatch.setattr("zoo.cli.run_command", lambda _: os.stat(f"nowhere{EVIL}"))
    assert main([]) == 2
    told = err.getvalue()
    assert f"warning: {readable(EVIL)}\n" in told
    assert f"error: nowhere{readable(EVIL)}: No such file" in told
    assert not COMMANDS.search(told)


@pytest.mark.parametrize("on_terminal", [True, False])
def test_observers_pass_nothing_on(
    on_terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    if not on_terminal:
        monkeypatch.setattr(console, "can_redraw", lambda: False)
    run = info(tmp_path, name=EVIL, label=f"{EVIL}\nfake", notices=[EVIL])
    observer = Console(run, every_seconds=0)
    observer.run_started()
    observer.step_ended(train_record(1))
    observer.run_ended({"state": EVIL, "step": 1, "total_steps": 2, "seconds": 1.0})
    told = terminal.getvalue()
    assert on_one_line(f"text: {EVIL}\nfake") in told
    assert not re.search("\x1b]|[\x07\x7f-\x9f]", told)  # a bar has sequences of its own


def test_progress_and_tables_pass_nothing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("zoo.console.progress.QUIET_SECONDS", 0)
    monkeypatch.setattr("zoo.console.progress.LINE_SECONDS", 0)
    with track(EVIL, 2) as advance:
        advance(1)
    assert not COMMANDS.search(stream.getvalue())
    lines = table([("name", f"{EVIL}\nfake  0.1"), ("loss", "0.2")]).splitlines()
    assert len(lines) == 2
    assert not COMMANDS.search("".join(lines))


def test_a_reader_s_text_keeps_every_script(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminals(monkeypatch)
    text = "e\u0301 שלום ‏عربي‎ 한국어 👩\u200d👩\u200d👧 naïve\u00a0\u3000x\n\ty"
    assert for_reader(text) == text


@pytest.mark.parametrize("name", [EVIL, "a\nb", "it's\t", "a\udcff", "a\\\x1b"])
def test_a_command_that_is_suggested_can_be_pasted(name: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    command = quoted(name)
    assert command.isprintable()
    done = subprocess.run([bash, "-c", f"printf %s {command}"], capture_output=True, check=True)
    assert done.stdout == os.fsencode(name)
