"""Standard streams whose failure (closed terminal or pipe, full disk) doesn't end a run."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

GONE = (errno.EPIPE, errno.EIO)  # a pipe without a reader, a terminal that was closed
FULL = (errno.ENOSPC, errno.EDQUOT)


class _Lasting(io.FileIO):
    """Writes to a descriptor; what fails for one of the ``forgiven`` reasons counts as written."""

    def __init__(self, descriptor: int, forgiven: tuple[int, ...]) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.forgiven = forgiven

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in self.forgiven:
                raise
            return memoryview(data).nbytes


@contextmanager
def lasting_streams() -> Iterator[None]:
    """Inside, ``sys.stdout`` and ``sys.stderr`` can be written to after their reader has gone.

    Messages in a file on a full disk are lost; of results, on standard output, that is an error.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _lasting(sys.stdout, GONE), _lasting(sys.stderr, GONE + FULL)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def _lasting(stream: Any, forgiven: tuple[int, ...]) -> Any:
    try:
        descriptor = stream.fileno()
        stream.flush()
    except (OSError, AttributeError, ValueError):  # not the operating system's
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Lasting(descriptor, forgiven)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
    )
