"""An unlimited corpus of short children's stories, told from a small world model.

`world` is what there is and what can happen, `lexicon` the words, `telling` how sentences become a
text, `story` the events that all plots share, `plots` what happens, `tales` which is told when,
`corpus` what a recipe names.
"""

from __future__ import annotations

from .corpus import StoriesCorpus

__all__ = ["StoriesCorpus"]
