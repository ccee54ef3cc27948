"""Who zoo is compared with: litgpt's training step, and nanoGPT's preset for a CPU."""

from __future__ import annotations

import math
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from bench_tokenizer.measure import say
from bench_train.contenders import Step, litgpt
from bench_train.shapes import Shape
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from zoo.data.prepare import TokenData


def litgpt_rates(shape: Shape, rounds: int) -> dict[str, float]:
    """Tokens a second of litgpt's training step in float32, eager and compiled, in turns."""
    steppers: dict[str, Step] = {}
    times: dict[str, list[float]] = {"eager": [], "compiled": []}
    for name in times:
        step = litgpt(shape, "float32", compiled=name == "compiled")
        try:
            for _ in range(3):
                step()
        except Exception as error:  # no C++ compiler, say
            say(f"litgpt {name} fails: {type(error).__name__}: {str(error).splitlines()[0]}")
        else:
            steppers[name] = step
    for _ in range(rounds):
        for name, step in steppers.items():
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
    return {name: shape.tokens / statistics.median(times[name]) for name in steppers}


class Preset:
    """nanoGPT's preset for a CPU, as its documentation gives it, with transformers' GPT-2.

    GPT-2's linear maps have biases, which the preset leaves out.
    """

    STEPS, ROWS, LENGTH, WARMUP, LR, LEAST_LR = 2000, 12, 64, 100, 1e-3, 1e-4

    def __init__(self, data: TokenData, seed: int) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        torch.manual_seed(seed)
        self.vocab_size = int(data.tokenizer.vocab_size or 0)
        self.ids, self.valid = (whole(part) for part in (data.train, data.valid))
        self.model: Any = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=self.vocab_size,
                n_positions=self.LENGTH,
                n_embd=128,
                n_layer=4,
                n_head=4,
                activation_function="gelu",
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                use_cache=False,
            )
        )
        parameters = list(self.model.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": 0.1},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=self.LR, betas=(0.9, 0.99), fused=True)

    def lr(self, step: int) -> float:
        if step < self.WARMUP:
            return self.LR * (step + 1) / (self.WARMUP + 1)
        done = (step - self.WARMUP) / (self.STEPS - self.WARMUP)
        return self.LEAST_LR + (self.LR - self.LEAST_LR) * (1 + math.cos(math.pi * done)) / 2

    def train(self) -> float:
        """Seconds of all steps, evaluations left out."""
        start = time.perf_counter()
        for step in range(self.STEPS):
            for group in self.optimizer.param_groups:
                group["lr"] = self.lr(step)
            starts = torch.randint(len(self.ids) - self.LENGTH, (self.ROWS, 1))
            rows = self.ids[starts + torch.arange(self.LENGTH + 1)]
            self.nll(rows).mean().backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            if step % 500 == 499:
                say(f"preset: {step + 1} steps in {time.perf_counter() - start:.1f} s")
        return time.perf_counter() - start

    def nll(self, rows: Tensor) -> Tensor:
        logits = self.model(rows[:, :-1]).logits
        return F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="none")

    @torch.no_grad()
    def loss(self) -> float:
        """Over all windows of the validation text, as zoo's evaluation cuts it."""
        self.model.eval()
        n = (len(self.valid) - 1) // self.LENGTH
        starts = torch.arange(n)[:, None] * self.LENGTH
        rows = self.valid[starts + torch.arange(self.LENGTH + 1)]
        return torch.cat([self.nll(part) for part in rows.split(64)]).mean().item()


def whole(tokens: Any) -> Tensor:
    """All ids of a split."""
    return torch.from_numpy(tokens.rows(np.zeros(1, dtype=np.int64), len(tokens))[0])
