"""Everything a component may import besides ``zoo`` and ``zoo.contracts``.

What stands here stays; everything else in ``zoo`` is the core's own and may change. Zoo's built-in
components import nothing else.

Parts of the model: CONTRIBUTING.md has a complete attention and a complete block. Of an attention
these lines concern the decoding state and the window, ``dims.max_seq_len`` or a shorter one::

    def new_cache(self, batch, max_len, device, dtype):  # a ring buffer, and the positions in it
        return key_value_cache(batch, n_heads, max_len, head_dim, device, dtype)

    def forward(self, x, seq, cache=None, carry=MappingProxyType({})):
        ...
        k, v, k_pos = extend(cache, k, v, seq)  # all keys and values to look at; cache may be None
        mask = seq.visible(k_pos, window=self.window)

    Embedding             rows of a table, added up in the same order in every run
    Seq                   the type of ``seq``
    key_value_cache       a ring buffer for keys and values, and their positions
    extend                adds a call's keys and values to it; returns all there are to look at

Optimizers::

    class Mine(torch.optim.Optimizer):
        def __init__(self, params: Iterable[Param], *, lr: float = 1e-3) -> None:
            super().__init__(groups(params, lr=lr), {})

    groups                a parameter group for each pair of multipliers that ``[[params]]`` gives

Functions that a run compiles, and that run as written elsewhere::

    @compiled
    def update(weights: Tensor, gradients: Tensor) -> None: ...

    compiled              marks such a function
    active                whether they are compiled here, for what pays only then
    of_any_size           an argument whose size varies from call to call: no code for each size
    side_by_side          ``map`` in threads, in order, while items are still being read

Files, of which no kill and no full disk leaves a half::

    write_atomically(cache_dir() / "mine" / "table.bin", data)

    cache_dir             the user's cache folder for zoo
    offline               whether nothing may be fetched
    make_folder           a folder and those above it, durably
    write_atomically      all of the new file or all of the old one
    sync_dir              makes renames in a folder durable
    write_ids             token ids as a file that training reads
    take                  the lock on a file, a ``Lock``, or None if another process holds it
    Lock                  says who holds it, tells whether the file is still there, lets go of it

Text to read::

    file_chunks           a text file's bytes; other formats are refused
    text_only             the same of bytes that come from elsewhere
    refuse_other_formats  refuses a file by its first bytes, and says what to do with it
    HEAD                  how many first bytes tell
    MARK                  the byte-order mark that some editors put before UTF-8

What a person reads::

    with track("reading", total, "B") as advance:
        advance(len(block))

    track                 a progress bar on standard error
    say                   a line on standard error
    amount                a count with its unit: "2 MB"
    duration              seconds in words: "2 min 5 s"
    readable              text from elsewhere with control codes escaped
    on_one_line           the same for a label or a name
    did_you_mean          the end of a message about an unknown name
    ZooError              raise it for a user's mistake: one line and exit code 2, no traceback

A run's records and plots::

    records_in            the records of a run's metrics.jsonl
    is_number             whether a value of a record is one, finite or not
    canvas                an empty plot: matplotlib's figure and axes, without a display
    save                  writes such a figure as a PNG file

May import: console, errors, storage, compute, model, data, run_files.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.compute.compiling import active, compiled, of_any_size
    from zoo.compute.threads import side_by_side
    from zoo.console.progress import amount, duration, track
    from zoo.console.terminal import on_one_line, readable, say
    from zoo.data.shards import write_ids
    from zoo.data.text_pieces import file_chunks
    from zoo.errors import ZooError, did_you_mean
    from zoo.model.kv_cache import extend, key_value_cache
    from zoo.model.layers import Embedding
    from zoo.model.param_groups import groups
    from zoo.model.sequence import Seq
    from zoo.run_files.metrics import records_in
    from zoo.run_files.train_state import is_number
    from zoo.storage.lock import Lock, take
    from zoo.storage.offline import offline
    from zoo.storage.paths import cache_dir, make_folder, sync_dir, write_atomically
    from zoo.storage.pictures import canvas, save
    from zoo.storage.text_formats import HEAD, MARK, refuse_other_formats, text_only

# Imported when asked for: a plug-in is loaded without torch where nothing of it is computed.
FROM = {
    "zoo.compute.compiling": ("active", "compiled", "of_any_size"),
    "zoo.compute.threads": ("side_by_side",),
    "zoo.console.progress": ("amount", "duration", "track"),
    "zoo.console.terminal": ("on_one_line", "readable", "say"),
    "zoo.data.shards": ("write_ids",),
    "zoo.data.text_pieces": ("file_chunks",),
    "zoo.errors": ("ZooError", "did_you_mean"),
    "zoo.model.kv_cache": ("extend", "key_value_cache"),
    "zoo.model.layers": ("Embedding",),
    "zoo.model.param_groups": ("groups",),
    "zoo.model.sequence": ("Seq",),
    "zoo.run_files.metrics": ("records_in",),
    "zoo.run_files.train_state": ("is_number",),
    "zoo.storage.lock": ("Lock", "take"),
    "zoo.storage.offline": ("offline",),
    "zoo.storage.paths": ("cache_dir", "make_folder", "sync_dir", "write_atomically"),
    "zoo.storage.pictures": ("canvas", "save"),
    "zoo.storage.text_formats": ("HEAD", "MARK", "refuse_other_formats", "text_only"),
}
_MODULE_OF = {name: module for module, names in FROM.items() for name in names}

__all__ = [
    "HEAD",
    "MARK",
    "Embedding",
    "Lock",
    "Seq",
    "ZooError",
    "active",
    "amount",
    "cache_dir",
    "canvas",
    "compiled",
    "did_you_mean",
    "duration",
    "extend",
    "file_chunks",
    "groups",
    "is_number",
    "key_value_cache",
    "make_folder",
    "of_any_size",
    "offline",
    "on_one_line",
    "readable",
    "records_in",
    "refuse_other_formats",
    "save",
    "say",
    "side_by_side",
    "sync_dir",
    "take",
    "text_only",
    "track",
    "write_atomically",
    "write_ids",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'zoo.authoring' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return [*__all__]
