"""The parts of tools/bench_tokenizer.py.

`measure` takes turns and draws tables, `texts` is what is read, `vocabulary` the formats, `peers`
who encodes and `trainers` who learns; the sections are `training`, `encoding`, `worst` and
`processes`, and `child` is what the last of them runs.
"""
