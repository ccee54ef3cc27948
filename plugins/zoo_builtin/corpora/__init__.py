"""Corpora: sources of text."""

from __future__ import annotations

from zoo_builtin.corpora.public import OWTSample, TinyStories
from zoo_builtin.corpora.text import TextCorpus

COMPONENTS = {"text": TextCorpus, "tinystories": TinyStories, "owt-sample": OWTSample}

__all__ = ["COMPONENTS", "OWTSample", "TextCorpus", "TinyStories"]
