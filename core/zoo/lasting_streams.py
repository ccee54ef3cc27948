"""Standard streams whose reader may go away: a closed terminal or pipe must not cost a run."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

GONE = (errno.EPIPE, errno.EIO)  # a pipe without a reader, a terminal that was closed


class _Lasting(io.FileIO):
    """Writes to a descriptor; what nobody can read any more counts as written."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in GONE:
                raise
            return memoryview(data).nbytes


@contextmanager
def lasting_streams() -> Iterator[None]:
    """Inside, ``sys.stdout`` and ``sys.stderr`` can be written to after their reader has gone."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_lasting(stream) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def _lasting(stream: Any) -> Any:
    try:
        descriptor = stream.fileno()
        stream.flush()
    except (OSError, AttributeError, ValueError):  # not the operating system's
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Lasting(descriptor, "wb", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
    )
