"""The downloader against a local server that misbehaves in every way that servers do."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from commands import posix
from misbehaving_server import CONTENT, SHA256, Behaviour, behaviour, server

from zoo.errors import ZooError
from zoo.storage import lock
from zoo_builtin.corpora import download as downloading
from zoo_builtin.corpora.download import UnreachableError, download

__all__ = ["behaviour", "server"]  # fixtures

OFFSETS = [0, 1, 1 << 18, len(CONTENT) - 1, *random.Random(1).sample(range(len(CONTENT)), 16)]


def transfers(behaviour: Behaviour) -> list[str]:
    """The ranges asked for, without the request for the first byte that opens a download."""
    return [asked for _, asked in behaviour.asked if asked != "bytes=0-0"]


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_brings_the_whole_file_and_nothing_else(server: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "data.bin"
    download(f"{server}/data.bin", path)
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["data.bin"]


@pytest.mark.parametrize("first", [1, 1000, 999_999, len(CONTENT), 2 * len(CONTENT)])
@pytest.mark.parametrize("ranges", [True, False])
def test_first_bytes_only(
    server: str, behaviour: Behaviour, tmp_path: Path, first: int, ranges: bool
) -> None:
    behaviour.ranges = ranges
    download(f"{server}/data.bin", tmp_path / "data.bin", first=first)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT[:first]


@pytest.mark.parametrize("drop", OFFSETS)
@pytest.mark.parametrize("ranges", [True, False])
def test_goes_on_after_a_drop(
    server: str, behaviour: Behaviour, tmp_path: Path, drop: int, ranges: bool
) -> None:
    behaviour.drops = [drop]
    behaviour.ranges = ranges
    download(f"{server}/data.bin", tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    last = len(CONTENT) - 1
    assert transfers(behaviour) == [f"bytes=0-{last}", f"bytes={drop}-{last}"]


def test_drops_of_every_connection_are_survived_while_something_arrives(
    server: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.drops = [len(CONTENT) // 20] * 25
    download(f"{server}/data.bin", tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert len(transfers(behaviour)) == 20


def test_an_answer_that_begins_elsewhere_is_refused(
    server: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.drops, behaviour.shifted = [1000], 1
    with pytest.raises(ZooError, match="byte 1000 was asked for, but the answer starts at 1001"):
        download(f"{server}/data.bin", tmp_path / "data.bin")
    assert not (tmp_path / "data.bin").exists()


@pytest.mark.parametrize("drop", [1, 300_000, 1_499_999])
def test_a_later_download_goes_on_where_an_earlier_one_gave_up(
    server: str, behaviour: Behaviour, tmp_path: Path, drop: int
) -> None:
    path = tmp_path / "data.bin"
    behaviour.drops = [drop, 0, 0]  # then nothing new arrives
    with pytest.raises(UnreachableError, match="broke off"):
        download(f"{server}/data.bin", path)
    assert not path.exists()
    assert [name.endswith(".part") for name in names(tmp_path)] == [True]

    behaviour.asked.clear()
    download(f"{server}/data.bin", path)
    assert transfers(behaviour) == [f"bytes={drop}-{len(CONTENT) - 1}"]
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == ["data.bin"]


def test_the_partial_file_of_a_killed_client_is_taken_over(
    server: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    path = tmp_path / "data.bin"
    tag = downloading._ask(f"{server}/data.bin").tag
    for number, size in enumerate((500, 1000, 10)):
        (tmp_path / f"data.bin.{tag}.{number:08x}.part").write_bytes(CONTENT[:size])
    alive = lock.take(tmp_path / f"data.bin.{tag}.4567cdef.part")
    assert alive is not None
    alive.write(CONTENT[:2000])
    long_ago = time.time() - 3600
    os.utime(alive.path, (long_ago, long_ago))
    behaviour.asked.clear()

    download(f"{server}/data.bin", path)
    assert transfers(behaviour) == [f"bytes=1000-{len(CONTENT) - 1}"]
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == ["data.bin", alive.path.name]
    assert alive.path.read_bytes() == CONTENT[:2000]
    alive.remove()


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def test_a_client_that_was_suspended_writes_to_nothing_that_is_verified(
    server: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    path, goes_on = tmp_path / "data.bin", threading.Event()
    behaviour.stalls = [goes_on]
    suspended = threading.Thread(target=download, args=(f"{server}/data.bin", path))
    suspended.start()
    until(lambda: any(file.stat().st_size for file in tmp_path.glob("*.part")))
    (partial,) = tmp_path.glob("*.part")
    long_ago = time.time() - 3600
    os.utime(partial, (long_ago, long_ago))

    download(f"{server}/data.bin", path)
    verified = path.open("rb")
    goes_on.set()
    suspended.join()
    with verified:
        assert verified.read() == CONTENT
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == ["data.bin"]


def test_without_locks_no_client_goes_on_with_what_another_may_still_write(
    server: str, behaviour: Behaviour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_try_lock", lambda _: None)
    tag = downloading._ask(f"{server}/data.bin").tag
    other = tmp_path / f"data.bin.{tag}.0123abcd.part"
    other.write_bytes(CONTENT[:1000])
    behaviour.asked.clear()
    download(f"{server}/data.bin", tmp_path / "data.bin")
    assert transfers(behaviour) == [f"bytes=0-{len(CONTENT) - 1}"]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert other.read_bytes() == CONTENT[:1000]


@posix
def test_a_lock_that_was_lost_with_its_folder_takes_no_other_s_file_along(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    path.parent.mkdir()
    with ExitStack() as held:
        first = held.enter_context(lock.only_this(path, "it"))
        assert first.is_there
        path.parent.rename(tmp_path / "away")
        path.parent.mkdir()
        with lock.only_this(path, "it"):
            assert not first.is_there
            held.close()
            assert lock.owner_of(path) is not None


def test_a_new_version_is_not_joined_to_the_beginning_of_an_old_one(
    server: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.drops, behaviour.sha256 = [1000, 0, 0], None
    with pytest.raises(UnreachableError):
        download(f"{server}/data.bin", tmp_path / "data.bin")
    behaviour.content, behaviour.etag = CONTENT[::-1], '"v2"'
    download(f"{server}/data.bin", tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("newer", [CONTENT[::-1], CONTENT + b"more"])
def test_a_file_that_changes_meanwhile_is_not_joined_to_its_beginning(
    server: str, behaviour: Behaviour, tmp_path: Path, newer: bytes
) -> None:
    behaviour.drops, behaviour.sha256, behaviour.newer = [1000], None, (newer, '"v2"')
    with pytest.raises(ZooError, match="the file changed while it was downloaded; try again"):
        download(f"{server}/data.bin", tmp_path / "data.bin")
    download(f"{server}/data.bin", tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == newer


def test_wrong_content_is_thrown_away(server: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.content = bytes(1) + CONTENT[1:]
    with pytest.raises(ZooError, match=SHA256):
        download(f"{server}/data.bin", tmp_path / "data.bin")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("spoiled", "sha256"),
    [(b"spoiled", SHA256), (CONTENT + b"more", SHA256), (CONTENT + b"more", None)],
    ids=["other content", "too long", "too long, no hash stated"],
)
def test_a_spoiled_partial_file_is_found_out(
    server: str, behaviour: Behaviour, tmp_path: Path, spoiled: bytes, sha256: str | None
) -> None:
    behaviour.sha256 = sha256
    tag = downloading._ask(f"{server}/data.bin").tag
    (tmp_path / f"data.bin.{tag}.part").write_bytes(spoiled)
    with pytest.raises(ZooError, match="thrown away"):
        download(f"{server}/data.bin", tmp_path / "data.bin")
    download(f"{server}/data.bin", tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_wrong_length_is_refused(server: str, behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.linked_size = len(CONTENT) + 1
    with pytest.raises(ZooError, match="1500001 bytes are stated, but the file served has 1500000"):
        download(f"{server}/data.bin", tmp_path / "data.bin")
    assert names(tmp_path) == []


def test_a_server_that_states_no_length_is_refused(
    server: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.states_length = behaviour.ranges = False
    with pytest.raises(ZooError, match="no length"):
        download(f"{server}/data.bin", tmp_path / "data.bin")


def test_length_and_hash_of_the_first_response_hold_through_a_redirect(
    server: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.redirect, behaviour.linked_size, behaviour.drops = True, len(CONTENT), [7]
    download(f"{server}/data.bin", tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert {path for path, _ in behaviour.asked} == {"/data.bin", "/cdn"}

    behaviour.sha256 = SHA256[::-1]
    with pytest.raises(ZooError, match=SHA256[::-1]):
        download(f"{server}/data.bin", tmp_path / "again.bin")


@pytest.mark.parametrize("drops", [0, 6])
def test_clients_at_once_all_succeed_and_never_show_a_part(
    server: str, behaviour: Behaviour, tmp_path: Path, drops: int
) -> None:
    path = tmp_path / "data.bin"
    behaviour.drops = OFFSETS[-drops:] if drops else []
    problems: list[object] = []

    def client() -> None:
        try:
            download(f"{server}/data.bin", path)
        except Exception as error:
            problems.append(error)

    clients = [threading.Thread(target=client) for _ in range(4)]
    for thread in clients:
        thread.start()
    while any(thread.is_alive() for thread in clients):
        if path.exists() and path.read_bytes() != CONTENT:
            problems.append("a part under the final name")
        time.sleep(0.001)
    assert not problems
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == ["data.bin"]


def test_a_moment_of_overload_is_overlooked(
    server: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.failures = 1
    download(f"{server}/data.bin", tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_refusal_is_unreachable_and_says_why(
    server: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    behaviour.failures = 2
    with pytest.raises(UnreachableError, match="503 Service Unavailable"):
        download(f"{server}/data.bin", tmp_path / "data.bin")


def test_proxies_are_honoured(
    server: str, behaviour: Behaviour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server)
    monkeypatch.setenv("no_proxy", "")
    download("http://nowhere.invalid/data.bin", tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert {path for path, _ in behaviour.asked} == {"http://nowhere.invalid/data.bin"}


def test_no_network_fails_at_once_and_names_the_address(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/data.bin"
        with pytest.raises(UnreachableError, match=url):
            download(url, tmp_path / "data.bin")


def test_a_name_server_that_never_answers_does_not_hang(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(downloading, "CONNECT_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(30) and [])
    with pytest.raises(UnreachableError, match=r"within 0\.05 s"):
        download("http://nowhere.invalid/data.bin", tmp_path / "data.bin")
    answered.set()


def test_offline_by_request(
    server: str, behaviour: Behaviour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(UnreachableError, match="ZOO_OFFLINE"):
        download(f"{server}/data.bin", tmp_path / "data.bin")
    assert not behaviour.asked


def test_a_full_disk_is_told_with_numbers(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = downloading.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(ZooError, match=r"1\.5 MB are to be downloaded, but only 1 kB are free"):
        download(f"{server}/data.bin", tmp_path / "data.bin")
