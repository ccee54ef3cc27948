"""Where the modules of zoo 0.1.0 and the names in them are now.

Left out are the modules of commands, and what nothing has the place of.
"""

from __future__ import annotations

MOVED = {
    "zoo.cache": "zoo.model.kv_cache",
    "zoo.clip": "zoo.parallel.clip",
    "zoo.compare_runs": "zoo_measure.compare_runs",
    "zoo.compiled_step": "zoo.generation.compiled_step",
    "zoo.compiling": "zoo.compute.compiling",
    "zoo.component": "zoo.catalog.component",
    "zoo.components": "zoo_measure.part_timing",
    "zoo.decoding": "zoo.generation.weights",
    "zoo.device": "zoo.compute.device",
    "zoo.distributed": "zoo.parallel.group",
    "zoo.doctor": "zoo_measure.doctor",
    "zoo.dry_run": "zoo.recipe.dry_run",
    "zoo.flops": "zoo_measure.flops",
    "zoo.folders": "zoo.storage.folders",
    "zoo.id_streams": "zoo_tokenizers.id_streams",
    "zoo.inspect": "zoo_measure.data_report",
    "zoo.inspect_plots": "zoo_measure.data_plots",
    "zoo.interrupts": "zoo.parallel.interrupts",
    "zoo.launcher": "zoo.parallel.launcher",
    "zoo.memory": "zoo_measure.memory",
    "zoo.merge_tree": "zoo_tokenizers.merge_tree",
    "zoo.optimizer_state": "zoo.run_files.optimizer_state",
    "zoo.params": "zoo.model.param_groups",
    "zoo.parts": "zoo.model.build",
    "zoo.paths": "zoo.storage.paths",
    "zoo.permutation": "zoo.data.permutation",
    "zoo.pictures": "zoo.storage.pictures",
    "zoo.plan": "zoo_measure.plan",
    "zoo.products": "zoo.compute.matmul_bench",
    "zoo.progress": "zoo.console.progress",
    "zoo.rehearsal": "zoo_measure.rehearsal",
    "zoo.seq": "zoo.model.sequence",
    "zoo.shell": "zoo.console.shell",
    "zoo.tensor_files": "zoo.storage.tensor_files",
    "zoo.text_pieces": "zoo.data.text_pieces",
    "zoo.threads": "zoo.compute.threads",
    "zoo.tiktoken_encoding": "zoo_tokenizers.tiktoken_encoding",
    "zoo.token_report": "zoo_tokenizers.report",
    "zoo.tokens": "zoo.data.shards",
    "zoo.toml_lines": "zoo.recipe.toml_lines",
    "zoo.verify_resume": "zoo_measure.verify_resume",
    "zoo.watchdog": "zoo.parallel.watchdog",
    "zoo_builtin.blocked_attention": "zoo_builtin.attention.blocked",
    "zoo_builtin.corpora.stories": "zoo_stories",
    "zoo_builtin.muon": "zoo_builtin.optimizers.matrix",
    "zoo_builtin.scaled_dot_product": "zoo_builtin.attention.scaled_dot_product",
}
"""Modules that moved as they are."""

SPLIT = {
    "zoo.api": {
        "zoo.api.make": "GIVEN build count_parameters",
        "zoo.api.tokenizers": (
            "COMPONENT_FILE load_saved load_tokenizer read_file readable refuse_options "
            "save_tokenizer"
        ),
    },
    "zoo.bench": {
        "zoo.parallel.watchdog": "WARM_UP",
        "zoo.training.trainer": "PHASES",
        "zoo_measure.bench": (
            "Contender RANDOM_TOKENS RandomIds Report Stopwatch compare contender data_of "
            "measure observers_seconds run_steps tokens_to_time"
        ),
    },
    "zoo.checkpoint": {
        "zoo.contracts.run_folder": "LATEST MANIFEST MODEL OPTIMIZER RECIPE STATE TOKENIZER",
        "zoo.recipe.document": "FORMAT",
        "zoo.run_files.checkpoint": (
            "Checkpoint LEAST_KEPT all_in as_json latest naming newest open_checkpoint "
            "prune save set_aside step_dir verify"
        ),
        "zoo.run_files.manifest": (
            "BLOCK LARGEST_TEXT Manifest Stated compare outside read_manifest sha256 step_of"
        ),
    },
    "zoo.contracts": {
        "zoo.contracts.kinds": "KINDS KIND_OF_CONTRACT Kind",
    },
    "zoo.data": {
        "zoo.data.batches": "batch epoch_size valid_windows window_starts windows",
    },
    "zoo.document": {
        "zoo.recipe.document": (
            "DEFAULT_NAMES FORMAT Node Origin SET_PATH SET_STEP as_table check_format "
            "deepest_line locate merge name_of override parse parse_value read_chain "
            "read_text steps_of with_names"
        ),
        "zoo.recipe.mistyped": "near_files syntax_problem",
    },
    "zoo.download": {
        "zoo_builtin.corpora.download": (
            "ADDRESS_SECONDS CONNECT_SECONDS PAUSES READ_SECONDS Remote UnreachableError download"
        ),
        "zoo_builtin.corpora.reading": "CHUNK",
    },
    "zoo.encoding": {
        "zoo.console.terminal": "say",
        "zoo.data.encode": (
            "BATCH_BYTES Batch CHECKPOINT_SECONDS COUNTS META MOST_BYTES PROGRESS "
            "READ_AHEAD SMALL_BATCH_BYTES SPLITS as_json batches beginning counted "
            "encode_all encode_corpus encode_split expected_bytes fill is_utf8 nothing_in "
            "one_by_one skipped what_is_done"
        ),
    },
    "zoo.generate": {
        "zoo.generation.engine": "History",
        "zoo.generation.sampling": "draw uniform_draws",
        "zoo.generation.text_stream": "DEFAULT_NEW_TOKENS Writer encoded overlap stream",
    },
    "zoo.layers": {
        "zoo.model.init": "truncated_normal_ undrawn",
        "zoo.model.layers": "Embedding Linear packed product",
    },
    "zoo.lock": {
        "zoo.parallel.watchdog": "POLL_SECONDS",
        "zoo.storage.lock": "Lock TAKEN TRIES only_one only_this owner_of",
    },
    "zoo.model": {
        "zoo.contracts.host": "as_out",
        "zoo.contracts.parts": "Block",
        "zoo.model.decoder": "ACTS Decoder Head Scored check_pair",
        "zoo_builtin.attention.softmax": "NOTHING",
    },
    "zoo.plugins": {
        "zoo.catalog.plugins": (
            "BUILTIN GROUP Hooks distribution hookimpl hookspec import_file is_builtin "
            "load_entry_point load_file load_installed load_plugins long_lived "
            "plugin_flags register registry"
        ),
        "zoo.catalog.sources": "digest",
    },
    "zoo.prepare": {
        "zoo.data.prepare": (
            "TokenData digest find_prepared load_tokenizer open_prepared phases prepare "
            "tokenizer_name tokens_dir train_tokenizer trained_tokenizer"
        ),
    },
    "zoo.recipe": {
        "zoo.recipe.load": "check load_recipe",
        "zoo.recipe.reader": "COMPONENTS CONTRACTS KEYS decoder_entry parse_recipe",
        "zoo.recipe.recipe": "Recipe",
    },
    "zoo.records": {
        "zoo.contracts.run_folder": "METRICS",
        "zoo.run_files.metrics": "record_of records_in table_in",
    },
    "zoo.registry": {
        "zoo.catalog.entries": "Entry Failure NAME RESERVED Registrar Registry read_entry",
    },
    "zoo.run": {
        "zoo.api.run": "Run open_run",
        "zoo.contracts.run_folder": "LOCK RUNS RUN_INFO SUMMARY",
        "zoo.contracts.training": "RunInfo",
        "zoo.run_files.places": "find_run new_run_dir newest_run refuse_used run_of_launch",
    },
    "zoo.runner": {
        "zoo.api.train": "resume train",
        "zoo.training.start": "claimed_run_dir leave_behind_later restore trainer_for",
    },
    "zoo.runs": {
        "zoo.contracts.run_folder": "is_run",
        "zoo.run_files.listing": "RunState check last_written size_of state_of",
    },
    "zoo.session": {
        "zoo.training.clock": "Clock",
        "zoo.training.loop": "DECIDING EVALUATIONS FAILED_SAVES Session",
    },
    "zoo.settings": {
        "zoo.contracts.host": "ParamRule",
        "zoo.recipe.sections": (
            "AT_LEAST DataOptions GenerateOptions TrainOptions batch_flaws model_flaws rule_flaws"
        ),
    },
    "zoo.signature": {
        "zoo.catalog.annotations": "SUPPORTED resolve_annotation",
        "zoo.catalog.signature": (
            "Option REQUIRED Signature has_constructor implementation parameters "
            "read_option read_signature"
        ),
    },
    "zoo.token_compare": {
        "zoo_tokenizers.compare": (
            "Comparison Difference Differences LONGEST MOST_KEPT Side Tally compare "
            "encoding_speeds one_thread"
        ),
        "zoo_tokenizers.report": "EXAMPLES",
    },
    "zoo.trainer": {
        "zoo.training.feed": "BatchPlan MICRO_BATCH_TOKENS plan_batch",
        "zoo.training.trainer": "SKIPPED_AT_MOST Trainer add_stats",
    },
    "zoo.values": {
        "zoo.catalog.schema": "At INT64 MOST_TIMES Reader dotted show unquoted",
        "zoo.contracts.options": "AnyFloat",
    },
}
"""The names of modules that were split up, by where they are now.

Some of these modules are called as packages of today, or as functions of ``zoo``.
"""
