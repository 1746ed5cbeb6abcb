"""Methods that put context before the prefix and need no training for it.

`recipe` says with which settings. `rag`: `chunks`, `lexical`, `dense`, `snapshots`. `drc`: `imports`, `dependencies`.
Both shorten with `compression` and become texts in `passages`. `icl`: `examples`. `prompts` puts any of them before a
prefix; `methods` has the factories, those of `fft-rag` and `shared-lora-rag` too.
"""
