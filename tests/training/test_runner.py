"""Whole runs: what they leave behind, resumed ones, two processes, losses that blow up."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_runs import RECIPE, interrupt, losses, somewhere, tiny, weights

import zoo
from zoo.api import train as api_train
from zoo.compute.matmul_bench import ROUTES, float32_products
from zoo.contracts.run_folder import LOCK
from zoo.errors import ZooError
from zoo.parallel.interrupts import Interrupted, Interrupts
from zoo.run_files import checkpoint
from zoo.run_files.metrics_writer import MetricsWriter
from zoo.run_files.train_state import TrainState
from zoo.storage.lock import only_this
from zoo.training.feed import plan_batch
from zoo.training.trainer import Trainer

__all__ = ["somewhere"]  # fixtures


class TestARun:
    def test_leaves_behind_all_it_should(self) -> None:
        run = zoo.train(tiny())
        assert run.dir == Path("runs/tiny-1")
        assert (run.dir / "recipe.toml").read_text() == RECIPE
        assert zoo.load_recipe(run.dir / "resolved.toml").resolved() == tiny().resolved()
        assert sorted(losses(run.dir)) == list(range(1, 13))
        assert sorted(losses(run.dir, "valid")) == [0, 4, 8, 12]
        about = json.loads((run.dir / "run.json").read_text())
        assert about["processes"] == 1
        assert run.summary["state"] == "finished"
        assert run.summary["valid_loss"] == losses(run.dir, "valid")[12]

    def test_learns(self) -> None:
        valid = losses(zoo.train(tiny("train.steps=80", "train.eval_every=80")).dir, "valid")
        assert valid[0] > 5
        assert valid[80] < 3.5  # bytes of English: below what their frequencies alone give

    def test_metrics_hold_what_was_promised(self) -> None:
        run = zoo.train(tiny())
        keys = {"event", "step", "loss", "lr", "tokens", "seconds"}
        for record in run.metrics:
            training = record["event"] == "train"
            extra = {"grad_norm", "tokens_per_s"} if training else {"bits_per_byte"}
            assert keys | extra <= set(record)
            assert record["tokens"] == record["step"] * 256
        # Bytes as tokens: bits per byte are bits per token, but for the ends of texts.
        last = [r for r in run.metrics if r["event"] == "valid"][-1]
        assert last["bits_per_byte"] == pytest.approx(last["loss"] / math.log(2), rel=0.02)
        # The learning rate of a step is set before the step: the first one's is zero.
        assert [r["lr"] for r in run.metrics if r["event"] == "train"][:3] == [0, 1.5e-3, 3e-3]

    def test_numbers_itself_and_refuses_a_folder_in_use(self, tmp_path: Path) -> None:
        steps = "train.steps=2"
        assert [zoo.train(tiny(steps)).dir.name for _ in range(2)] == ["tiny-1", "tiny-2"]
        zoo.train(tiny(steps), out=tmp_path / "mine")
        with pytest.raises(ZooError, match="exists already"):
            zoo.train(tiny(steps), out=tmp_path / "mine")

    def test_keeps_the_newest_and_the_best(self) -> None:
        run = zoo.train(tiny("train.steps=24", "train.keep=2"))
        kept = sorted(p.name for p in (run.dir / "checkpoints").glob("step-*"))
        assert 2 <= len(kept) <= 3
        assert kept[-2:] == ["step-00000020", "step-00000024"]

    def test_is_the_same_every_time(self) -> None:
        first, second = zoo.train(tiny()), zoo.train(tiny())
        assert losses(first.dir) == losses(second.dir)
        one, other = weights(first.dir), weights(second.dir)
        assert all(torch.equal(one[name], other[name]) for name in one)

    def test_accumulation_changes_nothing_but_memory(self) -> None:
        whole = losses(zoo.train(tiny("train.micro_batch=8")).dir)
        parts = losses(zoo.train(tiny("train.micro_batch=1")).dir)
        assert parts == pytest.approx(whole, abs=1e-5)

    def test_generates(self) -> None:
        zoo.train(tiny())
        run = zoo.open_run()
        text = run.generate("Once", max_new_tokens=20, seed=1)
        assert text.startswith("Once")
        assert text == zoo.open_run().generate("Once", max_new_tokens=20, seed=1)
        assert text != run.generate("Once", max_new_tokens=20, seed=2)


class TestResuming:
    @pytest.mark.parametrize("step", [2, 4, 9])
    def test_goes_on_as_if_it_had_never_stopped(self, step: int) -> None:
        undisturbed = zoo.train(tiny())
        run = interrupt(lambda: zoo.train(tiny()), step)
        assert len(losses(run)) < 12
        api_train.resume(run)
        assert losses(run) == losses(undisturbed.dir)
        assert losses(run, "valid") == losses(undisturbed.dir, "valid")
        one, other = weights(undisturbed.dir), weights(run)
        assert all(torch.equal(one[name], other[name]) for name in one)

    @pytest.mark.parametrize("optimizer", ["sgd", "sgd_decay"])
    def test_with_any_optimizer(self, optimizer: str) -> None:
        changes = [f"optimizer={{name='{optimizer}', lr=0.1}}", "scheduler=none"]
        undisturbed = zoo.train(tiny(*changes))
        run = interrupt(lambda: zoo.train(tiny(*changes)), 5)
        api_train.resume(run)
        assert losses(run) == losses(undisturbed.dir)

    def test_with_dropout_and_stochastic_depth(self) -> None:
        change = "model.block={name='parallel', dropout=0.1, stochastic_depth=0.5}"
        undisturbed = zoo.train(tiny(change))
        assert losses(undisturbed.dir) != losses(zoo.train(tiny("model.block=parallel")).dir)
        run = interrupt(lambda: zoo.train(tiny(change)), 5)
        api_train.resume(run)
        assert losses(run) == losses(undisturbed.dir)

    @pytest.mark.parametrize("began", ["highest", "medium"])
    def test_multiplies_as_it_began(self, began: str, monkeypatch: pytest.MonkeyPatch) -> None:
        routes = {
            precision: route for route, precision in ROUTES.items() if route.startswith("float32")
        }
        found = {"route": routes.pop(began)}
        monkeypatch.setattr("zoo.compute.device.float32_route", lambda: found["route"])
        with float32_products(began):  # as it was before, afterwards
            run = interrupt(lambda: zoo.train(tiny()), 4)
            (found["route"],) = routes.values()  # measured again, on a busier machine
            api_train.resume(run)
            assert torch.get_float32_matmul_precision() == began

    def test_twice(self) -> None:
        undisturbed = zoo.train(tiny())
        run = interrupt(lambda: zoo.train(tiny()), 1)
        interrupt(lambda: api_train.resume(run), 7)
        api_train.resume(run)
        assert losses(run) == losses(undisturbed.dir)

    def test_an_evaluation_that_was_broken_off_is_made_up_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        undisturbed = zoo.train(tiny())
        plain = Trainer._sums_of

        def sums_of(self: Trainer, windows: np.ndarray, compiled: bool) -> Any:
            if self.step == 8:
                signal.raise_signal(signal.SIGINT)
            return plain(self, windows, compiled)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_sums_of", sums_of)
            with pytest.raises(Interrupted, match=r"step-0*8 of 12; go on with"):
                zoo.train(tiny())
        run = Path("runs/tiny-2")
        assert 8 not in losses(run, "valid")
        api_train.resume(run)
        assert losses(run) == losses(undisturbed.dir)
        assert losses(run, "valid") == losses(undisturbed.dir, "valid")

    def test_of_a_finished_run_changes_nothing(self) -> None:
        run = zoo.train(tiny())
        before = losses(run.dir)
        api_train.resume(run.dir)
        assert losses(run.dir) == before


class TestSpeed:
    def test_tokens_per_second_leave_evaluation_and_saving_out(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slow = 0.1

        def slowly(plain: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **options: Any) -> Any:
                time.sleep(slow)
                return plain(*given, **options)

            return call

        monkeypatch.setattr(Trainer, "evaluate", slowly(Trainer.evaluate))
        monkeypatch.setattr(checkpoint, "save", slowly(checkpoint.save))
        began = time.perf_counter()
        run = zoo.train(tiny("train.eval_every=1", "train.checkpoint_every=1"))
        whole = time.perf_counter() - began
        records = [record for record in run.metrics if record["event"] == "train"]
        assert len(records) == 12
        assert records[-1]["seconds"] < whole - 2 * 12 * slow
        told = sum(256 / record["tokens_per_s"] for record in records)
        assert told == pytest.approx(records[-1]["seconds"])


class TestFailingSaves:
    """A disk that is full for a while, or for good."""

    def failing(self, monkeypatch: pytest.MonkeyPatch, at: Callable[[int], bool]) -> None:
        plain = checkpoint.save

        def save(dir: Path, *, state: TrainState, **given: Any) -> Path:
            if at(state.step):
                raise OSError(errno.ENOSPC, "No space left on device")
            return plain(dir, state=state, **given)

        monkeypatch.setattr(checkpoint, "save", save)

    def test_one_is_told_and_made_up_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        undisturbed = zoo.train(tiny())
        self.failing(monkeypatch, lambda step: step == 8)
        with pytest.warns(UserWarning, match=r"step 8 can't be saved \(No space left.*going on"):
            run = zoo.train(tiny())
        assert losses(run.dir) == losses(undisturbed.dir)
        assert run.checkpoint.step == 12

    def test_the_last_one_is_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failing(monkeypatch, lambda step: step == 12)
        with pytest.raises(ZooError, match="what was saved before is whole"):
            zoo.train(tiny())
        assert zoo.open_run("runs/tiny-1").checkpoint.step == 8

    def test_what_ended_the_run_is_told_and_not_what_failed_after_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.failing(monkeypatch, lambda step: step == 12)
        monkeypatch.setattr(MetricsWriter, "run_ended", full)
        with pytest.raises(ZooError, match="step 12 can't be saved"):
            zoo.train(tiny())

    @pytest.mark.filterwarnings("ignore:.*can't be saved")
    def test_several_in_a_row_end_the_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failing(monkeypatch, lambda step: step > 2)
        with pytest.raises(ZooError, match="step 5 can't be saved"):
            zoo.train(tiny("train.checkpoint_every=1"))
        assert zoo.open_run("runs/tiny-1").checkpoint.step == 2


class TestOneWriter:
    def test_a_run_that_is_in_use_is_not_resumed(self) -> None:
        run = zoo.train(tiny())
        with only_this(run.dir / LOCK, "it"), pytest.raises(ZooError) as refused:
            api_train.resume(run.dir)
        assert f"is in use by process {os.getpid()} on " in str(refused.value)
        assert not (run.dir / LOCK).exists()

    def test_a_dead_process_s_lock_is_nobody_s(self) -> None:
        run = zoo.train(tiny())
        (run.dir / LOCK).write_text("process 1 on moon")
        assert api_train.resume(run.dir).checkpoint.step == 12

    def test_later_checkpoints_are_not_lost(self) -> None:
        run = zoo.train(tiny())
        earlier = checkpoint.step_dir(run.dir / "checkpoints", 8)
        with pytest.raises(ZooError, match=r"step-0*12 is whole and later than step-0*8"):
            api_train.resume(earlier)
        (run.checkpoint.folder / "state.json").write_bytes(b"{}")
        with pytest.warns(UserWarning, match=r"damaged and now step-0*12\.bad"):
            resumed = api_train.resume(earlier)
        assert resumed.checkpoint.step == 12
        assert resumed.checkpoint.folder.with_name("step-00000012.bad").is_dir()


class TestSignals:
    def test_end_the_process_while_a_module_is_imported(self, tmp_path: Path) -> None:
        (tmp_path / "slow.py").write_text(
            "import os, signal\n"
            "try:\n    os.kill(os.getpid(), signal.SIGTERM)\nexcept BaseException:\n    pass\n"
        )
        source = (
            "from zoo.parallel.interrupts import Interrupts\nwith Interrupts():\n    import slow\n"
        )
        done = subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True)
        assert done.returncode == 143
        assert done.stderr.strip() == b"interrupted"

    def test_are_only_noted_while_deferred_and_a_second_ctrl_c_raises(self) -> None:
        with Interrupts() as interrupts, interrupts.deferred():
            signal.raise_signal(signal.SIGINT)
            assert interrupts.pending == signal.SIGINT
            with pytest.raises(Interrupted):
                signal.raise_signal(signal.SIGINT)


class TestBatchPlan:
    def test_derives_accumulation(self) -> None:
        plan = plan_batch(1024, 32, world=2, micro_batch=4)
        assert (plan.rows, plan.rows_per_rank, plan.micro_batch) == (32, 16, 4)

    def test_without_a_size_takes_the_largest_that_divides(self) -> None:
        assert plan_batch(96 * 1024, 1024, world=1, micro_batch=None).micro_batch == 16

    def test_refuses_what_does_not_divide_with_the_numbers(self) -> None:
        with pytest.raises(ZooError, match=r"32 rows of 32 tokens.*3 processes.*multiple of 96"):
            plan_batch(1024, 32, world=3, micro_batch=None)
        with pytest.raises(ZooError, match="micro_batch = 5 does not divide the 32 rows"):
            plan_batch(1024, 32, world=1, micro_batch=5)


class TestManyProcesses:
    @staticmethod
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    @pytest.mark.slow
    def test_two_give_the_losses_of_one(self) -> None:
        zoo.train(tiny(), out="one")
        done = self.command("zoo", "train", "tiny.toml", "--nproc", "2", "--out", "two")
        assert done.returncode == 0, done.stderr
        assert json.loads(Path("two/run.json").read_text())["processes"] == 2
        assert losses("two") == pytest.approx(losses("one"), abs=1e-5)
        assert losses("two", "valid") == pytest.approx(losses("one", "valid"), abs=1e-5)

    @pytest.mark.slow
    def test_torchrun_does_the_same(self) -> None:
        zoo.train(tiny(), out="one")
        torchrun = ["torch.distributed.run", "--standalone", "--nproc_per_node=2"]
        done = self.command(*torchrun, "-m", "zoo", "train", "tiny.toml", "--out", "two")
        assert done.returncode == 0, done.stderr
        assert losses("two") == pytest.approx(losses("one"), abs=1e-5)

    def test_a_batch_that_three_cannot_share_is_refused(self) -> None:
        done = self.command("zoo", "train", "tiny.toml", "--nproc", "3")
        assert done.returncode == 2
        assert "8 rows of 32 tokens, which 3 processes can't share evenly" in done.stderr
        assert not Path("runs").exists()
