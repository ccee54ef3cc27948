"""An unlimited corpus of short children's stories, told from a small world model.

`world` is what there is and what can happen, `lexicon` the words, `telling` how sentences become a
text, `story` the events that all plots share, `plots` what happens, `tales` which is told when,
`corpus` what a recipe names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import zoo
from zoo_stories.corpus import StoriesCorpus

if TYPE_CHECKING:
    from zoo import Registrar

__all__ = ["StoriesCorpus"]


@zoo.hookimpl
def zoo_register(registry: Registrar) -> None:
    registry.corpus("stories", StoriesCorpus)
