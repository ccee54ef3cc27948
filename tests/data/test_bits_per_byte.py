"""Bits per byte are of the text's own bytes, also where a tokenizer changes it, which is said."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from preparing import Corpus, Recipe, all_ids, own_cache, prepare  # noqa: F401  (a fixture)

import zoo
from zoo.cli import main
from zoo.data.batches import bytes_of_text

VALID = [b"a$b", "Zoë: 5 €".encode(), b"caf\xe9"]


@pytest.mark.filterwarnings("ignore:birds. .*UTF-8")
@pytest.mark.parametrize("unknown", [True, False])
def test_the_bytes_of_all_tokens_are_those_of_the_text(unknown: bool) -> None:
    valid = VALID if unknown else VALID[:2]
    found = prepare(Recipe(Corpus(train=[b"abc: Zo 5"], valid=valid), "char", unknown=unknown))
    lengths = bytes_of_text(found.valid, found.tokenizer)
    assert lengths[all_ids(found.valid)].sum() == pytest.approx(sum(map(len, valid)))
    assert lengths[found.tokenizer.eot] == 0
    spelled = found.tokenizer.token_bytes()[all_ids(found.valid)].sum()
    assert (spelled > sum(map(len, valid))) == unknown


@pytest.mark.parametrize("unknown", [True, False])
def test_a_figure_of_a_lossy_tokenizer_says_so(
    unknown: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.txt").write_text("a bird sang. " * 300, encoding="utf-8")
    (tmp_path / "valid.txt").write_text("a $$$$ bird. " * 60, encoding="utf-8")
    files = f'files=["{tmp_path}/train.txt"], valid_files=["{tmp_path}/valid.txt"]'
    options = [
        f'data.corpus={{name="text", {files}}}',
        f'tokenizer={{name="char", unknown={str(unknown).lower()}}}',
        *("train.steps=2", "train.eval_every=1", "scheduler=none", "train.eval_tokens=4096"),
    ]
    given = [part for option in options for part in ("--set", option)]
    smoke = str(Path(__file__).parents[2] / "recipes" / "smoke.toml")
    assert main(["train", smoke, "--out", str(tmp_path / "run"), *given]) == 0
    said = capsys.readouterr()
    assert ("bits per byte, lossy tokenizer)" in said.err) == unknown
    assert ("bits per byte, by a lossy tokenizer\n" in said.out) == unknown
    assert ("note: the tokenizer is lossy: bits per byte counts the bytes" in said.out) == unknown

    run = zoo.open_run(tmp_path / "run")
    last = run.metrics[-1]
    n_bytes = (tmp_path / "valid.txt").stat().st_size  # a byte each, and one end of text
    n_tokens = (n_bytes // 64) * 64
    in_nats = last["bits_per_byte"] * math.log(2)
    assert in_nats == pytest.approx(last["loss"] * n_tokens / (n_bytes - 1), rel=0.03)


def test_exact_tokenizers_count_as_ever() -> None:
    found = prepare(Recipe(Corpus(), "bpe", vocab_size=300))
    exact = found.tokenizer.token_bytes()
    assert np.array_equal(bytes_of_text(found.valid, found.tokenizer), exact)
