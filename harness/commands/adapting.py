"""`repobench adapt`: one repository to a LoRA adapter that peft, vLLM or llama.cpp loads."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from harness.console import Tracker, record, say, show
from repopeftbench.errors import ConfigError

if TYPE_CHECKING:
    from repopeftbench.live_views import LiveHistory


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptOptions:
    """What `adapt` can be told."""

    at: str | None = None
    """Commit, branch or tag whose code it is for. Default: HEAD."""
    out: Annotated[Path, Parameter(name=("--out", "-o"))]
    """Folder of the adapter."""
    method: Literal["code2lora-static", "code2lora-memory", "text2lora"] = "code2lora-static"
    """What makes the adapter."""
    evo: bool = False
    """Keep what was made beside the folder, and next time go on from there: a walk of code2lora-evo, or a memory."""
    format: Literal["peft", "gguf"] = "peft"
    """For peft, transformers and vLLM, or one GGUF file for llama.cpp."""
    backbone: str = "nano"
    """`nano` (bundled), a Hub id or a folder with the causal language model that the adapter is for."""
    checkpoint: str | None = None
    """Hypernetwork: a folder, a .pt file or a Hub id. Default: the backbone's own."""
    encoder: str | None = None
    """Backbone that turns code into vectors. Default: the one that the checkpoint was trained with."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    dtype: str = "auto"
    """auto, float32, bfloat16 or float16."""
    cache: Path | None = None
    """Folder of the clones of URLs. Default: in the user's cache folder."""


def adapt(repository: str, /, *, options: AdaptOptions) -> int:
    """Make the adapter of one repository: a folder for peft and vLLM, or a GGUF file.

    Args:
        repository: URL, owner/name or folder of the git repository; @REVISION behind it is as good as --at.
        options: Options.
    """
    from code2lora.named_checkpoints import EVOLUTION, STATIC, TEXT
    from harness.adapting import adapt_history, adapt_snapshot, walk_file, write_adapter
    from harness.hypernetworks import HypernetworkSettings, load_hypernetwork
    from harness.memory_adapting import adapt_memory, memory_file

    history = _history(repository, options)
    if options.evo and options.method == TEXT:
        raise ConfigError(f"--evo has no use with {TEXT}, which reads one description: leave it out")
    walks = options.evo and options.method == STATIC
    network = load_hypernetwork(
        HypernetworkSettings(
            method=EVOLUTION if walks else options.method,
            backbone=options.backbone,
            device=options.device,
            dtype=options.dtype,
            checkpoint=options.checkpoint,
            encoder=options.encoder,
        )
    )
    with network, Tracker("texts") as tracker:
        network.tell_encoding(tracker.encoding)
        if walks:
            walked = partial(tracker.update, history.repo_id, unit="commits")
            made = adapt_history(history, network, walk_file(options.out), walked)
        elif options.evo:
            made = adapt_memory(history, network, memory_file(options.out))
        else:
            made = adapt_snapshot(history, network)
        place = write_adapter(options.out, made, network, gguf=options.format == "gguf")
    if walks:
        say(f"{made.steps:,} of {made.source.commits_walked:,} kept commits were walked over now, the others before")
    elif options.evo:
        say(f"{made.steps:,} symbols came or went")
    at = f"{history.repo_id} at {made.source.commit_sha[:12]}"
    show(f"adapter of {at} for {options.backbone} in {place} (changes a logit by up to {made.logit_change:.3g})")
    record(
        adapter=place,
        repository=history.repo_id,
        commit=made.source.commit_sha,
        backbone=options.backbone,
        logit_change=made.logit_change,
    )
    return 0


def _history(repository: str, options: AdaptOptions) -> "LiveHistory":
    """The history of the one repository that is named, up to the commit that is."""
    from repopeftbench.copies import open_newest
    from repopeftbench.dataset.build import default_cache
    from repopeftbench.live_views import LiveHistory
    from repopeftbench.sources import repository_list

    named = repository_list(repository)
    if named.bad:
        raise ConfigError(named.bad[0].problem)
    if len(named.sources) != 1:
        raise ConfigError(f"{repository} names {len(named.sources)} repositories: adapt one at a time")
    (source,) = named.sources
    opened = open_newest(source, options.cache or default_cache())
    return LiveHistory(opened, source.repo_id, options.at or source.revision)
