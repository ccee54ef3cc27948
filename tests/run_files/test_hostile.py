"""A checkpoint from a stranger: it is read or refused, and nothing of it runs."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import pickle
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from states import a_state

from zoo import ZooError
from zoo.run_files import checkpoint
from zoo_builtin.tokenizers import BPE, Byte

SECONDS, EXTRA_BYTES = 2.0, 200_000_000


def a_checkpoint(folder: Path) -> Path:
    return checkpoint.save(
        folder,
        model={"weight": torch.ones(4)},
        optimizer={"m": torch.ones(4)},
        state=a_state(1),
        tokenizer=Byte(),
        recipe_toml="zoo = 1\n",
    )


def forge(folder: Path, name: str, content: bytes) -> None:
    """Puts this into a file of a checkpoint, and its hash into the manifest."""
    (folder / name).write_bytes(content)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    digest = hashlib.sha256(content).hexdigest()
    manifest["files"][name] = {"size": len(content), "sha256": digest}
    path.write_text(json.dumps(manifest), encoding="utf-8")


class Canary:
    """Unpickled, it leaves a file."""

    def __reduce__(self) -> Any:
        return os.system, ("touch canary",)


def a_torch_file() -> bytes:
    file = io.BytesIO()
    torch.save({"weight": Canary()}, file)
    return file.getvalue()


def a_zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("data.pkl", bytes(1 << 28))
    return file.getvalue()


def tensors(header: Any, data: bytes = b"", size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + data


def one(shape: list[int], offsets: list[int], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


DEEP = b"[" * 1_000_000
FILES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "a pickle": lambda: pickle.dumps(Canary()),
    "torch.save": a_torch_file,
    "a zip bomb": a_zip_bomb,
    "a header larger than the file": lambda: tensors({}, size=1 << 30),
    "a header of 2^63": lambda: tensors({}, size=(1 << 63) - 1),
    "a header of 50 MB": lambda: tensors(b'{"a":[' + b"1," * 25_000_000 + b"1]}"),
    "a header of 8 MB": lambda: tensors(b'{"a":[' + b"1," * 4_000_000 + b"1]}"),
    "a deep header": lambda: tensors(DEEP),
    "no object": lambda: tensors([]),
    "overlapping": lambda: tensors({"a": one([2], [0, 8]), "b": one([2], [4, 12])}, bytes(12)),
    "a gap": lambda: tensors({"a": one([2], [0, 8]), "b": one([2], [12, 20])}, bytes(20)),
    "beyond the end": lambda: tensors({"a": one([2], [0, 8])}, bytes(4)),
    "backwards": lambda: tensors({"a": one([2], [8, 0])}, bytes(8)),
    "a giant shape": lambda: tensors({"a": one([1 << 40], [0, 1 << 42])}),
    "a shape that overflows": lambda: tensors({"a": one([1 << 32, 1 << 32], [0, 0])}),
    "a negative shape": lambda: tensors({"a": one([-2], [0, 8])}, bytes(8)),
    "a dtype of its own": lambda: tensors({"a": one([1], [0, 8], "OBJECT")}, bytes(8)),
    "an alias of nothing": lambda: tensors({"__metadata__": {"aliases": '{"b": "a"}'}}),
    "no aliases": lambda: tensors({"__metadata__": {"aliases": "[1]"}}),
}
TEXTS: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"{",
    "deep": DEEP,
    "a huge integer": b'{"step": ' + b"9" * 10_000 + b"}",
    "no UTF-8": b'{"step": "\xff"}',
    "a list": b"[]",
    "18 MB": b'{"a": "' + b"a" * 18_000_000 + b'"}',
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return a_checkpoint(tmp_path)


def refused(folder: Path, name: str, read: Callable[[checkpoint.Checkpoint], Any]) -> None:
    start = time.perf_counter()
    with pytest.raises(ZooError) as told:
        read(checkpoint.open_checkpoint(folder))
    assert time.perf_counter() - start < SECONDS
    assert name in str(told.value)
    assert len(str(told.value)) < 1000
    assert not Path("canary").exists()


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize("kind", ["model", "optimizer"])
def test_tensors_that_are_none_are_refused(
    kind: str, content: Callable[[], bytes], folder: Path
) -> None:
    name = f"{kind}.safetensors"
    forge(folder, name, content())
    refused(folder, name, lambda opened: getattr(opened, kind))


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS)
def test_a_state_that_is_none_is_refused(content: bytes, folder: Path) -> None:
    forge(folder, "state.json", content)
    refused(folder, "state.json", lambda opened: opened.state)


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS)
def test_a_manifest_that_is_none_is_refused(content: bytes, folder: Path) -> None:
    (folder / "manifest.json").write_bytes(content)
    refused(folder, "manifest.json", lambda opened: None)


def test_a_manifest_that_would_fill_the_memory_is_not_read(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(TEXTS["18 MB"])
    refused(folder, "too large", lambda opened: None)


def in_manifest(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


ODD_MANIFESTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a size in words": lambda m: m["files"]["state.json"].update(size="12"),
    "no size": lambda m: m["files"]["optimizer.safetensors"].update(size=None),
    "a hash that is none": lambda m: m["files"]["state.json"].update(sha256=5),
    "a negative step": lambda m: m.update(step=-1),
    "a step in words": lambda m: m.update(step="1"),
    "a format of its own": lambda m: m.update(format="x" * 10_000),
    "a large recipe": lambda m: m["files"]["recipe.toml"].update(size=1 << 40),
    "a large tokenizer": lambda m: m["files"]["tokenizer/tokenizer.json"].update(size=1 << 40),
    "a million files": lambda m: m["files"].update(
        {f"tokenizer/{n}": {"size": 0, "sha256": ""} for n in range(2000)}
    ),
}


@pytest.mark.parametrize("change", ODD_MANIFESTS.values(), ids=ODD_MANIFESTS)
def test_a_manifest_that_can_not_be_is_refused(
    change: Callable[[dict[str, Any]], Any], folder: Path
) -> None:
    in_manifest(folder, change)
    refused(folder, "manifest.json", lambda opened: None)


def large(folder: Path, name: str, header: dict[str, Any], size: int) -> None:
    """Makes a file of tensors that takes no room, as large as the manifest says."""
    (folder / name).write_bytes(tensors(header))
    os.truncate(folder / name, size)
    in_manifest(folder, lambda m: m["files"][name].update(size=size, sha256="0" * 64))


LARGE = 40 << 30


@pytest.mark.skipif(sys.platform != "linux", reason="files with holes")
@pytest.mark.parametrize("kind", ["model", "optimizer"])
@pytest.mark.parametrize("act", [checkpoint.open_checkpoint, checkpoint.verify])
def test_a_large_file_with_a_hole_is_not_read(
    kind: str, act: Callable[[Path], Any], folder: Path
) -> None:
    name = f"{kind}.safetensors"
    large(folder, name, {"weight": one([4], [0, 16])}, LARGE)
    start = time.perf_counter()
    with pytest.raises(ZooError, match=rf"{name}: .*bytes of tensors in a file of 42,949,672,960"):
        act(folder)
    assert time.perf_counter() - start < SECONDS


@pytest.mark.skipif(sys.platform != "linux", reason="files with holes")
def test_a_large_model_is_read_only_if_it_is_accepted(folder: Path) -> None:
    n_bytes = LARGE - 8 - len(tensors({"weight": one([1], [0, 1])})) + 8
    for _ in range(3):  # the header's own size depends on its numbers
        header = {"weight": one([n_bytes], [0, n_bytes], "U8")}
        n_bytes = LARGE - len(tensors(header))
    large(folder, "model.safetensors", {"weight": one([n_bytes], [0, n_bytes], "U8")}, LARGE)

    def accept(found: checkpoint.Checkpoint) -> None:
        assert found.header.all_shapes == {"weight": (n_bytes,)}
        raise ZooError("not of this recipe")

    with pytest.raises(ZooError, match="not of this recipe"):
        checkpoint.open_checkpoint(folder, accept=accept)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("kind", ["file", "link", "pipe"])
def test_what_is_not_in_the_manifest_is_not_there(kind: str, folder: Path) -> None:
    path = folder / "tokenizer/tokenizer.json"
    in_manifest(folder, lambda m: m["files"].pop("tokenizer/tokenizer.json"))
    assert checkpoint.unlisted(folder) == ["tokenizer/tokenizer.json"]
    if kind != "file":
        path.unlink()
        os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    opened = checkpoint.open_checkpoint(folder)
    with (
        pytest.raises(ZooError, match=f"{re.escape(str(path))}: not in the checkpoint"),
        opened.tokenizer_dir() as found,
    ):
        Byte.load(found)


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors", "state.json"])
def test_a_pipe_waits_for_nobody(name: str, folder: Path) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    refused(folder, name, lambda opened: None)
    (folder.parent / "LATEST").unlink()
    os.mkfifo(folder.parent / "LATEST")
    with pytest.raises(ZooError, match="none of 1 is whole"):
        checkpoint.newest(folder.parent)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("kind", ["link", "linked folder", "pipe", "endless"])
def test_what_is_no_file_of_the_checkpoint_is_refused(kind: str, folder: Path) -> None:
    path = folder / "tokenizer/tokenizer.json"
    elsewhere = folder.parent / "elsewhere"
    if kind == "linked folder":
        path.parent.rename(elsewhere)
        path.parent.symlink_to(elsewhere)
    else:
        path.rename(elsewhere)
        if kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero" if kind == "endless" else elsewhere)
    refused(folder, "tokenizer.json", lambda opened: None)


NAMES = ["../x", "/etc/passwd", "a/../../x", "..\\x", "C:x", "x\0y", "\\\\host\\x"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_elsewhere_are_refused(name: str, folder: Path) -> None:
    in_manifest(folder, lambda m: m["files"].update({name: {"size": 0, "sha256": ""}}))
    refused(folder, "outside the checkpoint", lambda opened: None)


def with_value(key: str, value: bytes) -> Callable[[bytes], bytes]:
    """Puts a value into what a tokenizer has saved, which is JSON on one line."""

    def change(saved: bytes) -> bytes:
        state = {**json.loads(saved), key: "HERE"}
        return json.dumps(state).encode().replace(b'"HERE"', value)

    return change


TOKENIZERS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "no JSON": (lambda saved: b"{", "not JSON"),
    "deep": (lambda saved: DEEP, "recursion"),
    "a pickle": (lambda saved: pickle.dumps(Canary()), "not UTF-8"),
    "a pattern of 10 MB": (
        with_value("pattern", b'"' + b"a|" * 5_000_000 + b'a"'),
        "a pattern of 10,000,001 characters",
    ),
    "nested groups": (with_value("pattern", b'"' + b"(" * 4_000 + b'a"'), "recursion"),
    "values without end": (with_value("tokens", b"[" + b"1," * 20_000_000 + b"1]"), "values"),
    "a huge integer": (with_value("special_tokens", b"9" * 1_000_000), "1,000,000 digits"),
    "a key twice": (lambda saved: saved.rstrip()[:-1] + b', "tokens": []}', "there twice"),
}


@pytest.mark.parametrize(("change", "told"), TOKENIZERS.values(), ids=TOKENIZERS)
def test_a_tokenizer_that_is_none_is_refused(
    change: Callable[[bytes], bytes], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tokenizer = BPE(vocab_size=257)
    tokenizer.train(["a"])
    tokenizer.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_bytes(change(path.read_bytes()))
    start = time.perf_counter()
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}: .*{told}") as error:
        BPE.load(tmp_path)
    assert time.perf_counter() - start < SECONDS
    assert len(str(error.value)) < 1000
    assert not Path("canary").exists()


MEASURED = """
import sys
from pathlib import Path
import torch, safetensors.torch
import test_hostile as t
from zoo import ZooError
from zoo.run_files import checkpoint
from zoo_measure.memory import peak_bytes

folder = t.a_checkpoint(Path(sys.argv[1]))
cpu, largest = torch.device("cpu"), 0
contents = {name: make() for name, make in t.FILES.items()}
before = peak_bytes(cpu)
for name, content in contents.items():
    t.forge(folder, "model.safetensors", content)
    try:
        checkpoint.open_checkpoint(folder).model
    except ZooError:
        largest = max(largest, len(content))
print(peak_bytes(cpu) - before - largest)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_refusing_takes_little_memory(tmp_path: Path) -> None:
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=True,
    )
    assert int(done.stdout) < EXTRA_BYTES


def package_files() -> list[Path]:
    import zoo
    import zoo_builtin

    roots = [Path(str(package.__file__)).parent for package in (zoo, zoo_builtin)]
    return [path for root in roots for path in root.rglob("*.py")]


def test_nothing_in_the_package_can_run_what_it_reads() -> None:
    assert len(package_files()) > 100
    for path in package_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            words: set[str] = set()
            if isinstance(node, ast.Import | ast.ImportFrom):
                words = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
            elif isinstance(node, ast.Call):
                words = {ast.unparse(node.func)}
            banned = {"pickle", "marshal", "shelve", "dill", "eval", "exec", "torch.load"}
            assert not words & banned, f"{path}:{getattr(node, 'lineno', '?')}: {words & banned}"
