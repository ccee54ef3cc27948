"""Download a file over HTTP: resumable, verified, renamed when complete."""

from __future__ import annotations

import hashlib
import http.client
import os
import queue
import re
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from zoo.authoring import Lock, ZooError, amount, make_folder, offline, sync_dir, take, track

CONNECT_SECONDS = 5.0  # in all, name resolution included
ADDRESS_SECONDS = 2.0  # for one of a host's addresses, so that broken IPv6 leaves time for IPv4
READ_SECONDS = 20.0
PAUSES = (0.5, 1.0, 2.0)  # before trying again, while nothing new arrives
CHUNK = 1 << 18


class UnreachableError(ZooError):
    """The address can't be reached, or stopped answering: another time may do."""


@dataclass(frozen=True)
class Remote:
    """What the server states about a file: ``length`` in bytes, ``sha256`` where it tells."""

    length: int
    sha256: str | None
    version: str

    @property
    def tag(self) -> str:
        """Names partial files, so that two versions of a file are never joined."""
        return hashlib.sha256(f"{self.version} {self.length}".encode()).hexdigest()[:8]


def download(url: str, path: Path, *, first: int | None = None) -> None:
    """Downloads ``url``, or only its ``first`` bytes, to ``path``.

    Until it is whole and verified, the file has another name beside ``path`` that ends in
    ``.part``; an interrupted download goes on from there (on file systems that have locks). The
    length is always verified, the content wherever the whole file is taken and the server states a
    SHA-256 (``X-Linked-Etag``, as the Hugging Face hub does). Proxies are taken from the
    environment; ``ZOO_OFFLINE=1`` stands for having no network.

    Raises UnreachableError where there is no way to the file now (within about five seconds if
    there is no network at all), ZooError where what came isn't what was stated or the disk is full.
    """
    remote = _ask(url)
    length = min(first or remote.length, remote.length)
    try:
        make_folder(path.parent)
        with _partial_file(path, remote.tag) as partial, _opened(partial) as file:
            digest = _fill(file, path.parent, url, remote, length)
            expected = remote.sha256 if length == remote.length else None
            arrived = file.tell()
            if arrived != length or expected not in (None, digest):
                file.truncate(0)
                raise ZooError(
                    f"{url}: {arrived} bytes with the SHA-256 {digest} arrived, but {length} bytes "
                    f"with {expected or 'any'} are stated; they were thrown away, try again"
                )
    except OSError as error:
        raise ZooError(f"{path}: can't be written ({error.strerror or error})") from error


def _fill(file: BinaryIO, folder: Path, url: str, remote: Remote, length: int) -> str:
    """Appends what is missing of the first ``length`` bytes; the SHA-256 of them all."""
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    have = file.tell()
    free = shutil.disk_usage(folder).free
    if free < length - have:
        raise ZooError(
            f"{folder}: {amount(length - have, 'B')} are to be downloaded, but only "
            f"{amount(free, 'B')} are free; make room, or set ZOO_CACHE to a larger disk"
        )
    label = f"downloading {url.rpartition('/')[2]}"
    with track(label, total=length, unit="B", done=have) as advance:
        for chunk in _persistently(url, remote, have, length):
            file.write(chunk)
            digest.update(chunk)
            advance(len(chunk))
    file.flush()
    os.fsync(file.fileno())
    return digest.hexdigest()


def _persistently(url: str, remote: Remote, start: int, stop: int) -> Iterator[bytes]:
    """The bytes ``start`` to ``stop``, asked for again wherever the connection breaks."""
    pauses = iter(PAUSES)
    while start < stop:
        try:
            for chunk in _body(url, remote, start, stop):
                yield chunk
                start += len(chunk)
                pauses = iter(PAUSES)
        except UnreachableError:
            pause = next(pauses, None)
            if pause is None:
                raise
            time.sleep(pause)


def _body(url: str, remote: Remote, start: int, stop: int) -> Iterator[bytes]:
    """The bytes ``start`` to ``stop`` of one response. Raises UnreachableError if it breaks off."""
    with _network(url):
        response, now = _open(url, f"bytes={start}-{stop - 1}")
    with closing(response):
        if now != remote:
            raise ZooError(f"{url}: the file changed while it was downloaded; try again")
        position = _content_range(response)[0]  # 0 where the server ignores ranges
        if position > start:
            raise ZooError(
                f"{url}: byte {start} was asked for, but the answer starts at {position}"
            )
        while position < stop:
            with _network(url):
                chunk = response.read(CHUNK)
            if not chunk:
                raise UnreachableError(f"{url}: broke off at byte {position:,} of {stop:,}")
            wanted = chunk[max(0, start - position) : stop - position]
            position += len(chunk)
            if wanted:
                yield wanted


# ── Asking the server ─────────────────────────────────────────────────────────────────────────────


def _ask(url: str) -> Remote:
    """What the server states about the file, asked for with a request for its first byte."""
    if offline():
        raise UnreachableError(f"{url}: ZOO_OFFLINE is set")
    with _network(url):
        _knock(url)
    try:
        return _ask_once(url)
    except UnreachableError:  # servers have moments of overload
        time.sleep(PAUSES[0])
        return _ask_once(url)


def _ask_once(url: str) -> Remote:
    with _network(url):
        response, remote = _open(url, "bytes=0-0")
        response.close()
    return remote


def _knock(url: str) -> None:
    """Raises OSError unless the host, or the proxy before it, takes a connection in time.

    Name resolution knows no time limit: it runs in a thread that may be left behind.
    """
    target = urlsplit(url)
    proxy = urllib.request.getproxies().get(target.scheme)
    port = 443 if target.scheme == "https" else 80
    if proxy and not urllib.request.proxy_bypass(target.hostname or ""):
        target = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    address = (target.hostname or "", target.port or port)
    outcome: queue.SimpleQueue[OSError | None] = queue.SimpleQueue()

    def connect() -> None:
        try:
            socket.create_connection(address, timeout=ADDRESS_SECONDS).close()
            outcome.put(None)
        except OSError as error:
            outcome.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        error = outcome.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        error = TimeoutError(f"no connection to {address[0]} within {CONNECT_SECONDS:g} s")
    if error:
        raise error


class _Hops(urllib.request.HTTPRedirectHandler):
    """Follows redirects and remembers their headers: the hub states length and hash there."""

    def __init__(self) -> None:
        self.headers: list[Message] = []

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        self.headers.append(headers)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, byte_range: str) -> tuple[http.client.HTTPResponse, Remote]:
    hops = _Hops()
    request = urllib.request.Request(url, headers={"Range": byte_range, "User-Agent": "zoo-lm"})
    response = urllib.request.build_opener(hops).open(request, timeout=READ_SECONDS)
    try:
        return response, _stated(url, [*hops.headers, response.headers], response)
    except ZooError:
        response.close()
        raise


def _stated(url: str, hops: list[Message], response: http.client.HTTPResponse) -> Remote:
    def header(name: str) -> str:
        return next((value for hop in hops if (value := hop.get(name))), "")

    linked = header("X-Linked-Size")
    length = _content_range(response)[1]
    if linked.isdigit() and length is not None and int(linked) != length:
        raise ZooError(f"{url}: {linked} bytes are stated, but the file served has {length}")
    if length is None:
        raise ZooError(f"{url}: the server states no length, so it can't be told if all arrived")
    etag = header("X-Linked-Etag").removeprefix("W/").strip('"').lower()
    return Remote(
        length=length,
        sha256=etag if re.fullmatch("[0-9a-f]{64}", etag) else None,
        version=etag or response.headers.get("ETag") or response.headers.get("Last-Modified") or "",
    )


def _content_range(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Where the body starts in the file, and the length of the whole file if it is stated."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        header = response.headers.get("Content-Range", "")
        stated = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", header.strip())
        return (int(stated[1]), int(stated[2])) if stated else (0, None)
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


@contextmanager
def _network(url: str) -> Iterator[None]:
    """Convert any network error to UnreachableError."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise UnreachableError(f"{url}: the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise UnreachableError(f"{url}: {words}") from error


# ── Files that are not whole yet ──────────────────────────────────────────────────────────────────


@contextmanager
def _partial_file(path: Path, tag: str) -> Iterator[Lock]:
    """A file beside ``path`` for this client alone, to which ``path``'s name is given in the end.

    The client holds a lock on it until then, even while it is suspended, so that nobody else
    writes to it. In it may be what an earlier client left behind: one that has given up, or died,
    and so holds no lock. If the block fails, the file becomes such a leftover itself.
    """
    partial = _leftover(path, tag) or _new(path, tag)
    try:
        yield partial
    except BaseException:
        if partial.works and os.fstat(partial.handle).st_size:
            partial.close()
        else:
            partial.remove()
        raise
    _give_name(partial, path)
    _remove_leftovers(path)


@contextmanager
def _opened(partial: Lock) -> Iterator[BinaryIO]:
    """The locked file, at its beginning; what is written reaches it at the end of the block."""
    with open(partial.handle, "r+b", closefd=False) as file:
        yield file


def _leftover(path: Path, tag: str) -> Lock | None:
    """The largest unlocked partial file of this version, now locked."""
    found = [file for file in _partial_files(path) if file.name.startswith(f"{path.name}.{tag}.")]
    for file in sorted(found, key=_size, reverse=True):
        if (lock := _take_leftover(file)) is not None:
            return lock
    return None


def _take_leftover(file: Path) -> Lock | None:
    """The lock on a partial file, None where its client lives, or nobody can tell."""
    try:
        lock = take(file)
    except OSError:  # another user's
        return None
    if lock is not None and not lock.works:
        lock.close()
        return None
    return lock


def _new(path: Path, tag: str) -> Lock:
    """A partial file of a name that no other client has."""
    while True:
        lock = take(path.with_name(f"{path.name}.{tag}.{os.urandom(4).hex()}.part"))
        if lock is not None:  # else another client took it for a leftover, before it was locked
            return lock


def _remove_leftovers(path: Path) -> None:
    """Remove the unlocked partial files."""
    for file in _partial_files(path):
        if (lock := _take_leftover(file)) is not None:
            lock.remove()


def _partial_files(path: Path) -> list[Path]:
    names = re.compile(re.escape(path.name) + r"\.[0-9a-f.]+\.part")
    return [file for file in path.parent.iterdir() if names.fullmatch(file.name)]


def _size(file: Path) -> int:
    with suppress(FileNotFoundError):  # its client has just finished it
        return file.stat().st_size
    return 0


def _give_name(partial: Lock, path: Path) -> None:
    """Names the verified file while it is held, but on Windows, where nothing open is renamed."""
    if os.name != "posix":
        partial.close()
    try:
        os.replace(partial.path, path)
    except PermissionError:  # Windows, where another client was faster and it is being read
        if not path.exists():
            raise
    finally:
        if os.name == "posix":
            partial.close()
    sync_dir(path.parent)
