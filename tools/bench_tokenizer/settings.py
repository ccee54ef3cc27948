"""What the sections are asked for, and the vocabulary that they share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from . import trainers, vocabulary
from .measure import Report, say


@dataclass
class Bench:
    report: Report
    texts: dict[str, Path]
    """Name -> file, UTF-8."""
    folder: Path
    """Where temporary files go."""
    rounds: int
    vocab: Path | None
    vocab_sizes: list[int]
    peers: list[str] | None
    """Who takes part beside zoo; None is everyone who is installed."""
    gigabytes: list[float]
    reuse: bool
    """Keep a tokenizer, with whatever it has cached, from round to round."""
    part_of: str | None
    """In a run held to one core: what the vocabulary is. Its ids have been compared already."""
    argv: list[str]
    """How to call the tool again, for one core: the options, without sections and files."""

    @cached_property
    def vocabulary(self) -> vocabulary.Vocabulary:
        """The one given; else one that zoo learns from all the texts."""
        into = self.folder / "vocabulary"
        if self.vocab is not None:
            return vocabulary.read(self.vocab, into)
        size = self.vocab_sizes[-1]
        say(f"learning a vocabulary of {size:,} from {', '.join(self.texts)}")
        joined = self.folder / "joined.txt"
        with joined.open("wb") as file:
            for path in self.texts.values():
                file.write(path.read_bytes())
        tokenizer = trainers.zoo_bpe(joined, size)
        joined.unlink()
        return vocabulary.write(tokenizer.vocab, tokenizer.merges, into)

    @property
    def vocabulary_told(self) -> str:
        origin = self.part_of or self.vocab or "learnt from these texts"
        return f"vocabulary of {len(self.vocabulary.tokens):,} ({origin})"
