"""The process group of a launch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

GROUPS = """
import os
import sys

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from zoo.parallel.group import process_group

for attempt in range(int(sys.argv[1])):
    os.environ["TORCHELASTIC_RESTART_COUNT"] = str(attempt)
    with process_group(torch.device("cpu")) as group:
        model = DistributedDataParallel(nn.Linear(4, 4))
        model(torch.ones(2, 4)).sum().backward()
        group.wait()
    del model
print("done", flush=True)
os._exit(0)
"""


@pytest.mark.slow
def test_a_group_ends_before_its_reducer_whatever_its_threads_do(tmp_path: Path) -> None:
    """Where DDP's reducer is the last to hold a group, it waits forever sooner or later."""
    script = tmp_path / "groups.py"
    script.write_text(GROUPS)
    launch = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")
    try:
        done = subprocess.run(
            [*launch, str(script), "40"],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        pytest.fail("a group does not end")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("done") == 2
