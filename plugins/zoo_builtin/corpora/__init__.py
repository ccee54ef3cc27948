"""Corpora: where the text comes from."""

from __future__ import annotations

from zoo_builtin.corpora.public import OWTSample, TinyStories
from zoo_builtin.corpora.text import TextCorpus
from zoo_stories import StoriesCorpus

__all__ = ["OWTSample", "StoriesCorpus", "TextCorpus", "TinyStories"]
