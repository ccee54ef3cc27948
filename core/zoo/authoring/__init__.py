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

Optimizers::

    class Mine(torch.optim.Optimizer):
        def __init__(self, params: Iterable[Param], *, lr: float = 1e-3) -> None:
            super().__init__(groups(params, lr=lr), {})  # a group for each pair of multipliers

Functions that a run compiles, and that run as written elsewhere::

    @compiled
    def update(weights: Tensor, gradients: Tensor) -> None: ...

Files, of which no kill and no full disk leaves a half::

    write_atomically(cache_dir() / "mine" / "table.bin", data)
    if not offline(): ...  # whether anything may be fetched

What a person reads::

    with track("reading", total, "B") as advance:
        advance(len(block))
    say("one line on standard error")

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
    return sorted({*globals(), *__all__})
