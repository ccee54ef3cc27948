"""Preparing goes on where it was killed, and of several processes one does the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import posix
from preparing import (  # noqa: F401  (a fixture)
    TRAIN,
    VALID,
    Batched,
    Corpus,
    OneByOne,
    Recipe,
    all_ids,
    files_of,
    own_cache,
    prepare,
)

from zoo.data import encode as encoding
from zoo.storage import folders, lock
from zoo.storage.lock import only_one

# ── Interrupted ───────────────────────────────────────────────────────────────────────────────────


class Killed(BaseException):
    """Stands for whatever ends a process."""


class Broken(Corpus):
    """A corpus whose ``split`` ends in ``ending()`` after so many documents."""

    def __init__(self, split: str, after: int, ending: Callable[[], None]) -> None:
        super().__init__()
        self.split, self.after, self.ending = split, after, ending

    def documents(self, split: str) -> Iterator[bytes]:
        for number, document in enumerate(super().documents(split)):
            if (split, number) == (self.split, self.after):
                self.ending()
            yield document


def killed() -> None:
    raise Killed


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is encoded is safe after each of many small batches."""
    for name, value in SMALL.items():
        monkeypatch.setattr(encoding, name, value)


SMALL = {"BATCH_BYTES": 100, "SMALL_BATCH_BYTES": 100, "CHECKPOINT_SECONDS": 0.0}


def undisturbed(tokenizer: str | type, cache: Path) -> dict[str, bytes]:
    """What preparing makes where nothing happens meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(cache / "undisturbed"))
        return files_of(prepare(Recipe(Corpus(), tokenizer)).dir)


def left_by_a_kill(cache: Path, after: int = 50) -> Path:
    """The unfinished folder of a preparation that broke off in the training text."""
    with pytest.raises(Killed):
        prepare(Recipe(Broken("train", after, killed), OneByOne))
    (left,) = (cache / "tokens").iterdir()
    assert left.name.startswith(folders.UNFINISHED)
    return left


def test_interrupted_before_anything_is_safe_nothing_is_left(cache: Path) -> None:
    for tokenizer in (OneByOne, Batched):
        with pytest.raises(Killed):
            prepare(Recipe(Broken("train", 50, killed), tokenizer))
        assert list((cache / "tokens").iterdir()) == []
    assert not [thread for thread in threading.enumerate() if "encoding" in thread.name]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("split", "after"), [("train", 50), ("train", 79), ("valid", 0)])
def test_what_was_encoded_before_an_interrupt_is_not_encoded_again(
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    split: str,
    after: int,
) -> None:
    encoded: list[bytes] = []

    class Noting(OneByOne):
        def encode(self, text: Any, **more: Any) -> np.ndarray:
            encoded.append(text)
            return super().encode(text, **more)

    with pytest.raises(Killed):
        prepare(Recipe(Broken(split, after, killed), Noting))
    first = len(encoded)
    assert first > 40
    found = prepare(Recipe(Corpus(), Noting))
    assert encoded == [*TRAIN, *VALID]
    assert "going on with an interrupted preparation" in capsys.readouterr().err
    assert files_of(found.dir) == undisturbed(OneByOne, cache)
    assert list((cache / "tokens").iterdir()) == [found.dir]


@posix
@pytest.mark.parametrize("tokenizer", ["OneByOne", "Batched"])
@pytest.mark.parametrize(("split", "after"), [("train", 60), ("valid", 1)])
def test_a_killed_process_is_taken_up_where_it_was(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    tokenizer: str,
    split: str,
    after: int,
) -> None:
    monkeypatch.setattr("zoo.data.shards.SHARD_TOKENS", 200)
    script = f"""
def ending():
    while not list((Path(os.environ["ZOO_CACHE"]) / "tokens").glob(".tmp-*/progress.json")):
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)

prepare(Recipe(Broken({split!r}, {after}, ending), {tokenizer}))
"""
    assert started(script).wait(60) == -signal.SIGKILL
    (left,) = (cache / "tokens").glob(".tmp-*")
    assert not (left / encoding.META).exists()
    corpus = Corpus()
    found = prepare(Recipe(corpus, globals()[tokenizer]))
    assert len(found.train.shards) > 5
    assert files_of(found.dir) == undisturbed(globals()[tokenizer], cache)
    assert corpus.asked[-1] == "valid"
    assert list((cache / "tokens").iterdir()) == [found.dir]


def started(script: str) -> subprocess.Popen[str]:
    """A process that runs a script with everything of this module at hand."""
    settings = [f"encoding.{name} = {value}" for name, value in SMALL.items()]
    settings += ["tokens.SHARD_TOKENS = 200"]
    code = "\n".join(
        [
            "from test_interrupted_preparation import *",
            "from zoo.data import encode as encoding, shards as tokens",
            *settings,
            script,
        ]
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def shorten(left: Path) -> None:
    shard = left / "train-00000.bin"
    shard.write_bytes(shard.read_bytes()[:-2])


def edit(left: Path, old: bytes, new: bytes) -> None:
    progress = left / encoding.PROGRESS
    assert old in progress.read_bytes()
    progress.write_bytes(progress.read_bytes().replace(old, new))


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "shard shortened": shorten,
    "shard gone": lambda left: (left / "train-00000.bin").unlink(),
    "progress emptied": lambda left: (left / encoding.PROGRESS).write_bytes(b""),
    "progress a list": lambda left: (left / encoding.PROGRESS).write_bytes(b"[1]"),
    "progress without counts": lambda left: edit(left, b'"documents"', b'"papers"'),
    "progress of another type": lambda left: edit(left, b"<u2", b"<u4"),
    "progress below nothing": lambda left: edit(left, b'"bytes": ', b'"bytes": -'),
}


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_thrown_away_with_a_line(
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    damage: str,
) -> None:
    DAMAGES[damage](left_by_a_kill(cache))
    found = prepare(Recipe(Corpus(), OneByOne))
    assert "is damaged, so all is encoded again" in capsys.readouterr().err
    assert files_of(found.dir) == undisturbed(OneByOne, cache)


@pytest.mark.usefixtures("eager")
def test_what_is_more_than_was_safe_is_cut_off(cache: Path) -> None:
    left = left_by_a_kill(cache)
    with (left / "train-00000.bin").open("ab") as file:
        file.write(b"half a batch")
    (left / "train-00001.bin").write_bytes(b"more")
    (left / ".progress.json.0123.tmp").write_bytes(b"{")
    (left / "tokenizer" / ".tokenizer.json.0123.tmp").write_bytes(b"{")
    found = prepare(Recipe(Corpus(), OneByOne))
    assert files_of(found.dir) == undisturbed(OneByOne, cache)


@pytest.mark.usefixtures("eager")
def test_text_that_became_another_is_encoded_anew(
    cache: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    left_by_a_kill(cache)
    found = prepare(Recipe(Corpus(train=TRAIN[1:]), OneByOne))
    assert "birds: the train text has changed meanwhile" in capsys.readouterr().err
    end = found.tokenizer.decode_bytes([found.tokenizer.eot])
    assert found.tokenizer.decode_bytes(all_ids(found.train)) == end.join([*TRAIN[1:], b""])


@pytest.mark.usefixtures("eager")
def test_killed_when_only_the_name_was_missing(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = undisturbed(OneByOne, cache)

    def kill_at_the_end(folder: Path) -> None:
        if (folder / encoding.META).exists():
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(folders, "sync_tree", kill_at_the_end)
        with pytest.raises(Killed):
            prepare(Recipe(Corpus(), OneByOne))
    corpus = Corpus()
    assert files_of(prepare(Recipe(corpus, OneByOne)).dir) == expected
    assert corpus.asked == []


@pytest.mark.usefixtures("eager")
def test_what_nobody_goes_on_with_is_removed_after_a_week(cache: Path) -> None:
    left = left_by_a_kill(cache)
    prepare(Recipe(Corpus(), vocab_size=300))
    assert left.exists()
    long_ago = time.time() - 2 * folders.WEEK
    for path in (left, *left.rglob("*")):
        os.utime(path, (long_ago, long_ago))
    prepare(Recipe(Corpus(), vocab_size=301))
    assert not left.exists()


def test_a_finished_folder_without_its_meta_is_replaced() -> None:
    found = prepare(Recipe(Corpus(), "byte"))
    expected = files_of(found.dir)
    (found.dir / encoding.META).unlink()
    assert files_of(prepare(Recipe(Corpus(), "byte")).dir) == expected


# ── Several at once ───────────────────────────────────────────────────────────────────────────────

HELD = """
def ending():
    print("reading", flush=True)
    sys.stdin.readline()

prepare(Recipe(Broken("valid", 1, ending), Batched))
"""
ALSO = """
corpus = Corpus()
prepare(Recipe(corpus, Batched))
print(corpus.asked)
"""


def held() -> subprocess.Popen[str]:
    """A process in the middle of a preparation, which goes on when it is told to."""
    first = started(HELD)
    assert first.stdout is not None
    assert first.stdout.readline() == "reading\n"
    return first


def until_it_waits(other: subprocess.Popen[str]) -> None:
    assert other.stderr is not None
    assert "birds: another process is preparing the same tokens" in other.stderr.readline()


@posix
def test_of_two_that_prepare_at_once_one_works_and_the_other_waits(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zoo.data.shards.SHARD_TOKENS", 200)
    first = held()
    other = started(ALSO)
    until_it_waits(other)
    first.communicate("go on\n", timeout=60)
    said, _ = other.communicate(timeout=60)
    assert (first.returncode, other.returncode) == (0, 0)
    assert said == "[]\n"
    (made,) = (cache / "tokens").iterdir()
    assert files_of(made) == undisturbed(Batched, cache)


@posix
def test_who_waits_for_a_process_that_is_killed_goes_on_with_its_work(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zoo.data.shards.SHARD_TOKENS", 200)
    first = held()
    other = started(ALSO)
    until_it_waits(other)
    first.kill()
    _, told = other.communicate(timeout=60)
    first.communicate()
    assert other.returncode == 0
    assert "going on with an interrupted preparation" in told
    (made,) = (cache / "tokens").iterdir()
    assert files_of(made) == undisturbed(Batched, cache)


def test_a_lock_is_held_by_one_and_removed(tmp_path: Path) -> None:
    path, inside, most = tmp_path / "lock", [], []

    def work() -> None:
        for _ in range(20):
            with only_one(path, "waiting") as lock_held:
                assert lock_held.works
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock, "POLL_SECONDS", 0.001)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == [1] * 80
    assert list(tmp_path.iterdir()) == []


@posix
def test_where_a_file_system_has_no_locks_all_is_prepared_nevertheless(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    expected = undisturbed(Batched, cache)
    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(Killed):
        prepare(Recipe(Broken("valid", 1, killed), Batched))
    assert list((cache / "tokens").iterdir()) == []
    found = prepare(Recipe(Corpus(), Batched))
    assert files_of(found.dir) == expected
    assert list((cache / "tokens").iterdir()) == [found.dir]
