"""Saving, crashing, damaging, tidying and resuming in any order: what was saved is there."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path

import pytest
import torch
from commands import posix
from faulty_disk import Disk, Fault, after_power_loss
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from states import a_state

from zoo import ZooError
from zoo.api.run import Run
from zoo.run_files import checkpoint
from zoo.storage.folders import UNFINISHED
from zoo.training.start import leave_behind_later
from zoo_builtin.tokenizers import Byte

LAST = 80  # operations that a save and a tidying take at the most
SIZE = 4_000  # bytes that a checkpoint takes at the most
FAULTS: list[Fault] = ["killed", "ENOSPC", "EIO", "short write"]


class Checkpoints(RuleBasedStateMachine):
    """The checkpoints of a run, beside what they should be.

    ``whole`` are the steps whose checkpoints were saved, neither damaged since nor dropped by a
    tidying.
    """

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="zoo-machine-"))
        self.dir = self.root / "checkpoints"
        self.dir.mkdir()
        self.step = 0
        self.keep = 2
        self.best: int | None = None
        self.whole: set[int] = set()
        self.damaged = 0
        self.patch = pytest.MonkeyPatch()

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    # ── What happens ──────────────────────────────────────────────────────────────────────────────

    @rule(best=st.booleans())
    def save(self, best: bool) -> None:
        self.train(best)
        self.write_and_tidy()
        self.was_saved()
        hidden = [path.name for path in self.dir.iterdir() if path.name.startswith(".")]
        assert not hidden
        assert len(checkpoint.all_in(self.dir)) <= self.keep + 1

    @rule(fault=st.sampled_from(FAULTS), at=st.integers(0, LAST), best=st.booleans())
    def save_on_a_disk_that_fails(self, fault: Fault, at: int, best: bool) -> None:
        self.train(best)
        with Disk(self.dir, fault, at).mounted(self.patch):
            try:
                self.write_and_tidy()
            except OSError:
                assert fault in ("ENOSPC", "EIO")
        self.perhaps_saved()
        if fault == "killed":
            self.resume()

    @rule(at=st.integers(0, LAST), names=st.booleans(), best=st.booleans())
    def save_and_lose_power(self, at: int, names: bool, best: bool) -> None:
        self.train(best)
        after, done = after_power_loss(
            self.dir, self.write_and_tidy, self.patch, at=at, names=names
        )
        shutil.rmtree(self.dir)
        after.rename(self.dir)
        self.perhaps_saved()
        assert not done or self.step in self.whole
        self.resume()

    @precondition(lambda self: self.whole)
    @rule(data=st.data(), how=st.sampled_from(["flipped", "cut", "removed"]))
    def damage(self, data: st.DataObject, how: str) -> None:
        step = data.draw(st.sampled_from(sorted(self.whole)), label="step")
        folder = checkpoint.step_dir(self.dir, step)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        path = data.draw(st.sampled_from(files), label="file")
        content = path.read_bytes()
        at = data.draw(st.integers(0, len(content) - 1), label="at")
        if how == "removed":
            path.unlink()
        elif how == "cut":
            path.write_bytes(content[:at])
        else:
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        self.whole.remove(step)
        self.damaged += 1

    @rule(keep=st.integers(2, 4))
    def keep_so_many(self, keep: int) -> None:
        self.keep = keep

    @rule()
    def resume(self) -> None:
        """As who goes on with a run does, and as who looks at it does."""
        found = self.newest()
        if found is None:
            self.step = 0
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                leave_behind_later(Run(self.root, found))
            self.step = found.step
            assert checkpoint.all_in(self.dir)[-1] == found.folder
        self.best = self.best if self.best in self.whole else None

    # ── What must hold ────────────────────────────────────────────────────────────────────────────

    @invariant()
    def the_newest_whole_one_is_found(self) -> None:
        found = self.newest()
        assert (found.step if found is not None else None) == max(self.whole, default=None)
        if found is not None:
            assert found.model["weight"].tolist() == [found.step] * 9
            assert found.optimizer["m"].tolist() == [-found.step] * 9
            assert found.state == a_state(found.step)

    @invariant()
    def all_that_were_kept_are_whole(self) -> None:
        for step in self.whole:
            checkpoint.verify(checkpoint.step_dir(self.dir, step))

    @invariant()
    def the_disk_does_not_fill(self) -> None:
        """Beside those that are kept: the damaged, which people may need, and one of each crash."""
        used = sum(path.stat().st_size for path in self.dir.rglob("*") if path.is_file())
        assert used <= SIZE * (self.keep + 1 + self.damaged + 3)
        unfinished = list(self.dir.glob(f"{UNFINISHED}*"))
        assert len(unfinished) <= 2  # a save that was cut short, or a tidying

    # ── How ───────────────────────────────────────────────────────────────────────────────────────

    def train(self, best: bool) -> None:
        self.step += 1
        self.best = self.step if best else self.best

    def write_and_tidy(self) -> None:
        """As a run does."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            checkpoint.save(
                self.dir,
                model={"weight": torch.full((9,), float(self.step))},
                optimizer={"m": torch.full((9,), -float(self.step))},
                state=a_state(self.step),
                tokenizer=Byte(),
                recipe_toml="zoo = 1\n",
            )
            best = checkpoint.step_dir(self.dir, self.best) if self.best is not None else None
            checkpoint.prune(self.dir, self.keep, best)

    def was_saved(self) -> None:
        """The model of a save and a tidying."""
        whole = self.whole | {self.step}
        self.whole = {*sorted(whole)[-self.keep :], *({self.best} & whole)}

    def perhaps_saved(self) -> None:
        """The model of what was cut short: all of it or nothing, and those to keep are kept.

        One that was dropped may be there again when power is lost.
        """
        before = self.whole
        self.was_saved()
        must = self.whole & before
        self.whole = {step for step in range(1, self.step + 1) if self.is_whole(step)}
        assert must <= self.whole

    def is_whole(self, step: int) -> bool:
        try:
            checkpoint.verify(checkpoint.step_dir(self.dir, step))
        except ZooError:
            return False
        return True

    def newest(self) -> checkpoint.Checkpoint | None:
        """What is found; an error must mean that none is whole."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return checkpoint.newest(self.dir)
            except ZooError:
                assert not self.whole
                return None


TestCheckpoints = pytest.mark.slow(posix(Checkpoints.TestCase))
TestCheckpoints.settings = settings(max_examples=60, stateful_step_count=20)
