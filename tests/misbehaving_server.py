"""A server on this machine that misbehaves in every way that servers do."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from zoo_builtin.corpora import download as downloading

CONTENT = random.Random(0).randbytes(1_500_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Behaviour:
    """What the server does, and what it was asked."""

    content: bytes = CONTENT
    sha256: str | None = SHA256
    linked_size: int | None = None
    etag: str = '"v1"'
    ranges: bool = True
    states_length: bool = True
    shifted: int = 0  # so many answers to a range begin a byte too late, and say so
    drops: list[int] = field(default_factory=list)  # bytes sent before a connection is cut
    newer: tuple[bytes, str] | None = None  # content and ETag, after the first such cut
    failures: int = 0  # requests answered with 503
    redirect: bool = False
    stalls: list[threading.Event] = field(default_factory=list)  # bodies that pause half-way
    asked: list[tuple[str, str]] = field(default_factory=list)  # (path, range)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        does, asked = self.behaviour, self.headers.get("Range", "")
        self.close_connection = True
        does.asked.append((self.path, asked))
        if does.failures:
            does.failures -= 1
            self.send_error(503)
        elif does.redirect and not self.path.endswith("/cdn"):
            self.send_response(302)
            self.send_header("Location", "/cdn")
            self.state_content()
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_file(asked)

    def state_content(self) -> None:
        if self.behaviour.sha256:
            self.send_header("X-Linked-Etag", f'"{self.behaviour.sha256}"')
        if self.behaviour.linked_size is not None:
            self.send_header("X-Linked-Size", str(self.behaviour.linked_size))

    def send_file(self, asked: str) -> None:
        does = self.behaviour
        body = does.content
        if asked and does.ranges:
            start, stop = (int(x) for x in asked.removeprefix("bytes=").split("-"))
            if does.shifted and start:
                does.shifted, start = does.shifted - 1, start + 1
            body = body[start : stop + 1]
            self.send_response(206)
            total = len(does.content)
            self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{total}")
        else:
            self.send_response(200)
        if not does.redirect:
            self.state_content()
        self.send_header("ETag", does.etag)
        if does.states_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if does.drops and asked != "bytes=0-0":
            body = body[: does.drops.pop(0)]
            does.content, does.etag = does.newer or (does.content, does.etag)
        stall = does.stalls.pop(0) if does.stalls and asked != "bytes=0-0" else None
        with suppress(OSError):  # a client that has read enough hangs up
            if stall is not None:
                self.wfile.write(body[: len(body) // 2])
                stall.wait(30)
                body = body[len(body) // 2 :]
            self.wfile.write(body)


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture
def server(behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(downloading, "PAUSES", (0.01, 0.01))
    for name in ("ZOO_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    handler = type("BehavingHandler", (Handler,), {"behaviour": behaviour})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()
