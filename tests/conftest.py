from __future__ import annotations

import os
import shutil
import signal
import tempfile

import pytest
from hypothesis import HealthCheck, settings

# How fast a machine is, is no property of the code.
settings.register_profile(
    "zoo", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("zoo")

# Before torch is imported: small tensors gain nothing from threads, and results stay the same
# whatever the machine. No test reaches for the internet.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ZOO_OFFLINE"] = "1"
os.environ["ZOO_CACHE"] = CACHE = tempfile.mkdtemp(prefix="zoo-test-cache-")

# A shell that starts pytest in the background has Ctrl-C ignored, by what the tests start too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    shutil.rmtree(CACHE, ignore_errors=True)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run tests that are named one by one in this process: starting others takes longer."""
    return 0 if config.args and all("::" in arg for arg in config.args) else None


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _kernels_for_short_texts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else tests of the compiled tokenizer would test its readable twin."""
    monkeypatch.setattr("zoo_builtin.tokenizers.bpe.FEW", -1)
