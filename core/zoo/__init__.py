"""zoo: a component zoo for small decoder-only language models."""

from __future__ import annotations
