"""A run from a stranger, whose manifest fits: what its recipe and its state say of its tensors."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from small_runs import somewhere, tiny

import zoo
from zoo import ZooError
from zoo.api import train as api_train

__all__ = ["somewhere"]  # a fixture


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"folder": tmp_path_factory.mktemp("trained")}


@pytest.fixture
def run(trained: dict[str, Path], tmp_path: Path) -> Path:
    """A run with the checkpoint of step 8 of 12, to be forged."""
    kept = trained["folder"] / "run"
    if not kept.exists():
        zoo.train(tiny(), out=kept)
        shutil.rmtree(kept / "checkpoints/step-00000012")
        (kept / "checkpoints/LATEST").unlink()
    return Path(shutil.copytree(kept, tmp_path / "run"))


def forge(run: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Changes a file of the checkpoint, and its size and hash in the manifest."""
    folder = run / "checkpoints/step-00000008"
    content = change((folder / name).read_bytes())
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    sha = hashlib.sha256(content).hexdigest()
    manifest["files"][name] = {"size": len(content), "sha256": sha}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def in_state(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        table = json.loads(content)
        change(table)
        return json.dumps(table).encode()

    return changed


def in_recipe(line: bytes, instead: bytes) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        assert content.count(line) == 1
        return content.replace(line, instead)

    return changed


SIZES = {
    "a larger model": (b"d_model = 16", b"d_model = 1600000"),
    "a billion layers": (b"n_layers = 2", b"n_layers = 1000000000"),
    "fewer layers": (b"n_layers = 2", b"n_layers = 1"),
}


@pytest.mark.parametrize(("line", "instead"), SIZES.values(), ids=SIZES)
def test_a_model_of_another_size_is_refused_before_it_takes_memory(
    line: bytes, instead: bytes, run: Path
) -> None:
    forge(run, "recipe.toml", in_recipe(line, instead))
    told = "step-00000008: the tensors are not those of the recipe's model"
    with pytest.raises(ZooError, match=told):
        _ = zoo.open_run(run).model
    with pytest.raises(ZooError, match=told):
        api_train.resume(run)


def an_option(name: str, value: Any) -> Callable[[Any], None]:
    return lambda state: state["optimizer"][0]["groups"][0].update({name: value})


OPTIMIZERS: dict[str, Callable[[Any], None]] = {
    "none": lambda state: state.update(optimizer=[]),
    "a rate in words": an_option("lr", "x"),
    "a tensor that is not there": an_option("lr", {"$tensor": "nowhere"}),
    "of other parameters": lambda state: state["optimizer"][0].update(params=[["a"]]),
    "deep": an_option("lr", json.loads("[" * 900 + "]" * 900)),
}


@pytest.mark.parametrize("change", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_optimizer_s_state_that_is_none_is_refused(
    change: Callable[[Any], None], run: Path
) -> None:
    forge(run, "state.json", in_state(change))
    with pytest.raises(ZooError, match="optimizer"):
        api_train.resume(run)


def test_tokens_are_a_key_in_the_cache_folder_and_no_path(run: Path, tmp_path: Path) -> None:
    forge(run, "state.json", in_state(lambda state: state.update(data=str(tmp_path))))
    with pytest.raises(ZooError, match=r"state\.json.*data: expected the key of tokens"):
        api_train.resume(run)


def test_a_state_of_another_step_is_refused(run: Path) -> None:
    forge(run, "state.json", in_state(lambda state: state.update(step=4)))
    with pytest.raises(ZooError, match="of step 4, and the manifest of 8"):
        zoo.open_run(run)


def test_a_run_of_the_first_version_goes_on(run: Path, tmp_path: Path) -> None:
    def of_first_version(state: Any) -> None:
        assert state.pop("format") == 2

    forge(run, "state.json", in_state(of_first_version))
    resumed = api_train.resume(run)
    undisturbed = zoo.train(tiny(), out=tmp_path / "undisturbed")
    states = [asdict(each.checkpoint.state) for each in (resumed, undisturbed)]
    for state in states:
        del state["seconds"]
    assert states[0] == states[1]
