from __future__ import annotations

import os
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
os.environ["ZOO_CACHE"] = tempfile.mkdtemp(prefix="zoo-test-cache-")


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _kernels_for_short_texts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else tests of the compiled tokenizer would test its readable twin."""
    monkeypatch.setattr("zoo_builtin.tokenizers.bpe.FEW", -1)
