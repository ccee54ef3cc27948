"""What each kind of component is given, does and declares.

A component is any callable (mostly a class). Its positional parameters are filled by the host, by
name, and it takes the subset it needs; its keyword-only parameters are its options in a recipe.

Constructors run when a recipe is checked too, before anything is trained: those of the model's
parts and the optimizer's on the meta device, where tensors have shapes but no values (no
``.item()``), those of corpora and observers for a run that may never start. So they check their
options and leave the work for later.

Nothing here needs torch at run time, so that ``zoo --help`` stays fast.

May import: nothing of zoo.
"""

from zoo.contracts.build import BlockBuild, Build
from zoo.contracts.host import Dims, Head, Out, Param, ParamRule, Seq, as_out
from zoo.contracts.options import AnyFloat, Make, PerLayer, Ref, per_layer, ref
from zoo.contracts.parts import Activation, Attention, Block, FeedForward, Loss, Norm, Position
from zoo.contracts.text import UNKNOWN_VOCAB, Corpus, Sampler, Tokenizer
from zoo.contracts.training import Observer, Optimizer, RunInfo, Scheduler

__all__ = [
    "UNKNOWN_VOCAB",
    "Activation",
    "AnyFloat",
    "Attention",
    "Block",
    "BlockBuild",
    "Build",
    "Corpus",
    "Dims",
    "FeedForward",
    "Head",
    "Loss",
    "Make",
    "Norm",
    "Observer",
    "Optimizer",
    "Out",
    "Param",
    "ParamRule",
    "PerLayer",
    "Position",
    "Ref",
    "RunInfo",
    "Sampler",
    "Scheduler",
    "Seq",
    "Tokenizer",
    "as_out",
    "per_layer",
    "ref",
]
