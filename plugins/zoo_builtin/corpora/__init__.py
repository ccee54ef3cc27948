"""Corpora: where the text comes from."""

from __future__ import annotations

from zoo_builtin.corpora.public import OWTSample, TinyStories
from zoo_builtin.corpora.stories import StoriesCorpus
from zoo_builtin.corpora.text import TextCorpus

__all__ = ["OWTSample", "StoriesCorpus", "TextCorpus", "TinyStories"]
