"""What training a recipe will take: parameters, operations, memory, time."""

from __future__ import annotations

import dataclasses
import os
import statistics
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from zoo.api import BYTES
from zoo.bench import WARM_UP, contender, tokens_to_time
from zoo.device import choose_device, choose_precision
from zoo.memory import available
from zoo.prepare import find_prepared
from zoo.progress import amount, track
from zoo.rehearsal import Rehearsal, rehearse
from zoo.trainer import plan_batch
