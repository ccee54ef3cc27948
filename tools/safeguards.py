"""What keeps a run and its files safe, and the tests that must fail where it is taken out."""

from __future__ import annotations

from typing import NamedTuple

CHECKPOINTS = (
    *(
        "storage/test_failing_disk.py",
        "run_files/test_checkpoint.py",
        "run_files/test_damage.py",
        "run_files/test_hostile.py",
    ),
    "run_files/test_checkpoint_machine.py",
    *("run_files/test_train_state.py", "run_files/test_forged_runs.py"),
)
PREPARING = (
    *("storage/test_power_loss.py", "data/test_interrupted_preparation.py", "data/test_data.py"),
    "run_files/test_lost_folders.py",
)
DOWNLOADS = ("zoo_builtin/test_download.py", "storage/test_power_loss.py")
RUNS = (
    *(
        "training/test_nonfinite.py",
        "zoo_builtin/test_observers.py",
        "training/test_runner.py",
        "run_files/test_checkpoint.py",
    ),
    *("storage/test_failing_disk.py", "cli/test_cli_reliability.py", "parallel/test_ranks.py"),
    *("run_files/test_lost_folders.py", "parallel/test_alike.py", "parallel/test_launches.py"),
    "training/test_waits.py",
)


class Removal(NamedTuple):
    """A safeguard to take out: in which file, what stands there and what shall."""

    file: str
    old: str
    new: str


CHECKPOINT, FOLDERS, PATHS, TOKENS, ENCODING, LOCK, RUNNER, TRAINER, SESSION = (
    f"core/zoo/{name}.py"
    for name in (
        *("run_files/checkpoint", "storage/folders", "storage/paths", "data/shards", "data/encode"),
        *("storage/lock", "training/start", "training/trainer", "training/loop"),
    )
)
DOWNLOAD = "plugins/zoo_builtin/corpora/download.py"
MANIFEST, STATE = "core/zoo/run_files/manifest.py", "core/zoo/run_files/train_state.py"
OF_CHECKPOINTS = [
    Removal(
        PATHS,
        "        left = left[os.write(handle, left) :]\n    os.fsync(handle)\n",
        "        left = left[os.write(handle, left) :]\n",
    ),
    Removal(
        PATHS,
        "        left = left[os.write(handle, left) :]\n",
        "        os.write(handle, left); left = left[:0]\n",
    ),
    Removal(
        PATHS,
        "        os.replace(temporary, path)",
        "        path.write_bytes(temporary.read_bytes())",
    ),
    Removal(
        PATHS,
        "        temporary.unlink(missing_ok=True)\n    sync_dir(path.parent)",
        "        temporary.unlink(missing_ok=True)",
    ),
    Removal(
        PATHS,
        "        new.mkdir(exist_ok=True)\n        sync_dir(new.parent)",
        "        new.mkdir(exist_ok=True)",
    ),
    Removal(FOLDERS, "        sync_tree(unfinished)\n        if replace", "        if replace"),
    Removal(FOLDERS, "                os.fsync(file.fileno())", "                pass"),
    Removal(FOLDERS, "            sync_dir(path)\n", "            pass\n"),
    Removal(FOLDERS, "    sync_dir(folder)\n\n\ndef _make_hidden", "\n\ndef _make_hidden"),
    Removal(FOLDERS, "        sync_dir(folder.parent)\n    finally:", "    finally:"),
    Removal(
        FOLDERS,
        "    unfinished = _make_hidden(folder)\n",
        "    unfinished = folder; folder.mkdir()\n",
    ),
    Removal(
        FOLDERS,
        "    folder.rename(doomed)\n    shutil.rmtree(doomed, ignore_errors=True)",
        "    shutil.rmtree(folder, ignore_errors=True)",
    ),
    Removal(
        MANIFEST, "(found := file.seek(0, 2)) != stated.size:", "(found := 0) and stated is None:"
    ),
    Removal(MANIFEST, "    if found != stated.sha256:", "    if False:"),
    Removal(
        MANIFEST,
        "    if any(folder.joinpath(*parts[: n + 1]).is_symlink() for n in range(len(parts))):",
        "    if False:",
    ),
    Removal(MANIFEST, "        if outside(name):", "        if False:"),
    Removal(MANIFEST, "or step_of(folder) not in (None, step)", ""),
    Removal(PATHS, "if not stat.S_ISREG(os.fstat(handle).st_mode):", "if False:"),
    Removal(
        CHECKPOINT, "                accept(replace(found, header=header))", "                pass"
    ),
    Removal(CHECKPOINT, "        if state.step != manifest.step:", "        if False:"),
    Removal(STATE, "            if not rule.holds(table[each.name]):", "            if False:"),
    Removal(
        "core/zoo/storage/tensor_files.py",
        "    if (told := 8 + length + ends[-1]) != size:",
        "    if (told := 0):",
    ),
    Removal(CHECKPOINT, "    keep = max(keep, LEAST_KEPT)\n", ""),
    Removal(
        CHECKPOINT, "        try:\n            verify(folder)\n", "        try:\n            pass\n"
    ),
    Removal(MANIFEST, "        if len(data) > LARGEST_TEXT:", "        if False:"),
    Removal(
        MANIFEST,
        "    except PermissionError:\n        raise\n    except OSError as error:",
        "    except OSError as error:",
    ),
    Removal("core/zoo/storage/tensor_files.py", "if not dense.isfinite().all():", "if False:"),
    Removal("core/zoo/storage/tensor_files.py", "> LARGEST_HEADER:", "> 1 << 60:"),
]
OF_PREPARING = [
    Removal(PATHS, "        file.flush()\n        os.fsync(file.fileno())", "        pass"),
    Removal(
        PATHS, "O_RDONLY)\n    try:\n        os.fsync(handle)", "O_RDONLY)\n    try:\n        pass"
    ),
    Removal(FOLDERS, "    make_folder(unfinished)\n", "    unfinished.mkdir(exist_ok=True)\n"),
    Removal(FOLDERS, "    yield unfinished\n    sync_tree(unfinished)", "    yield unfinished"),
    Removal(FOLDERS, "    sync_dir(folder.parent)\n\n\ndef remove_folder", "\n\ndef remove_folder"),
    Removal(TOKENS, "            os.fsync(self._file.fileno())", "            pass"),
    Removal(TOKENS, "        if there < size:", "        if False:"),
    Removal(TOKENS, "            os.truncate(path, wanted[path])", "            pass"),
    Removal(TOKENS, "            if size != count * dtype.itemsize:", "            if False:"),
    Removal(ENCODING, "    make_folder(dir.parent)\n", "    dir.parent.mkdir(exist_ok=True)\n"),
    Removal(
        ENCODING, "            writer.sync()\n            checkpoint(", "            checkpoint("
    ),
    Removal(
        ENCODING, "    return (n_documents, n_bytes) == (", "    return (n_documents, n_bytes) != ("
    ),
    Removal(LOCK, "(state and _is_at(handle, path))", "state"),
    Removal(ENCODING, "if useless and lock.is_there:", "if useless:"),
    Removal(ENCODING, "        check_held(lock)\n        writer", "        writer"),
    Removal(LOCK, "        return False if error.errno in TAKEN else None", "        return None"),
]
OF_DOWNLOADS = [
    Removal(DOWNLOAD, "    os.fsync(file.fileno())", "    pass"),
    Removal(DOWNLOAD, "    sync_dir(path.parent)", "    pass"),
    Removal(
        DOWNLOAD, "        make_folder(path.parent)", "        path.parent.mkdir(exist_ok=True)"
    ),
    Removal(
        DOWNLOAD,
        "        os.replace(partial.path, path)",
        "        shutil.copy(partial.path, path)",
    ),
    Removal(DOWNLOAD, "            if arrived != length or", "            if"),
    Removal(DOWNLOAD, " or expected not in (None, digest):", ":"),
    Removal(DOWNLOAD, "        if now != remote:", "        if False:"),
    Removal(DOWNLOAD, "        if position > start:", "        if False:"),
    Removal(DOWNLOAD, "int(linked) != length:", "False:"),
    Removal(LOCK, "            if self.is_there:\n", "            if True:\n"),
    Removal(LOCK, "fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass"),
    Removal(DOWNLOAD, "    if free < length - have:", "    if False:"),
]
OF_RUNS = [
    Removal(
        CHECKPOINT, "            bad.append(set_aside(folder))", "            bad.append(folder)"
    ),
    Removal(
        RUNNER, "            aside = checkpoint.set_aside(folder)", "            aside = folder"
    ),
    Removal(RUNNER, "            leave_behind_later(resumed)\n", ""),
    Removal(RUNNER, "        check_started_alike(group, recipe, resumed)\n", ""),
    Removal(RUNNER, "        check_ready_alike(group, trainer)\n", ""),
    Removal(
        RUNNER,
        "only_this(resumed.dir / LOCK, str(resumed",
        "only_this(resumed.dir / '.no', str(resumed",
    ),
    Removal(RUNNER, "only_this(run_dir / LOCK, str(run_dir))", "only_this(run_dir / '.no', 'it')"),
    Removal(SESSION, "        self.check_folder()\n        for", "        for"),
    Removal(
        SESSION,
        "            self.check_folder()\n            self.failed",
        "            self.failed",
    ),
    Removal(
        SESSION,
        "        if lost := self.lost():\n            raise",
        "        if False:\n            raise",
    ),
    Removal(SESSION, 'if state != "finished" and self.lost():', "if False:"),
    Removal(RUNNER, "    trainer.skipped_in_a_row = saved.state.skipped\n", ""),
    Removal(
        TRAINER, "        if math.isfinite(objective) and math.isfinite(norm):", "        if True:"
    ),
    Removal(TRAINER, "        anywhere = self.group.sum_(", "        anywhere = ("),
    Removal("core/zoo/training/feed.py", " and prepared[0] == step", ""),
    Removal(SESSION, ' or not math.isfinite(self.valid["loss"])', ""),
    Removal(
        SESSION,
        "            if needed or self.failed_saves >= FAILED_SAVES:",
        "            if needed:",
    ),
    Removal("core/zoo/run_files/places.py", "            sync_dir(RUNS)\n", "            pass\n"),
    Removal("core/zoo/run_files/places.py", '.get("launch") == launch', '.get("launch")'),
    Removal("core/zoo/run_files/metrics_writer.py", ' and record["step"] <= step', ""),
    Removal(
        "core/zoo/run_files/metrics_writer.py",
        "            while self._unwritten:",
        "            if self._unwritten:",
    ),
    Removal(SESSION, "                overwrite(path, told)", "                raise error"),
    Removal(
        "core/zoo/parallel/group.py",
        '        store = PrefixStore(f"attempt {attempt()}", store)\n',
        "",
    ),
    Removal(
        "core/zoo/parallel/group.py",
        "translate_peer_errors(), ending_at_once():",
        "translate_peer_errors():",
    ),
    Removal("core/zoo/__main__.py", "    atexit.register(leave)", "    leave"),
]
SAFEGUARDS = [
    *((removal, CHECKPOINTS) for removal in OF_CHECKPOINTS),
    *((removal, PREPARING) for removal in OF_PREPARING),
    *((removal, DOWNLOADS) for removal in OF_DOWNLOADS),
    *((removal, RUNS) for removal in OF_RUNS),
]
