"""The components that come with zoo, offered through the same entry point as everyone else's."""

from __future__ import annotations
