"""How each command is used: the examples that `--help` and the reference show, and the group that it is listed in.

Every example is a whole command line; a test parses each one with the options that the command really has.
"""

from collections.abc import Mapping
from types import MappingProxyType

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Data": ("select", "mine", "import-official", "synth", "check", "diff"),
        "Models": ("train", "train-nano", "adapt", "diagnose"),
        "Evaluate": ("run", "score", "probe", "report", "compare", "serve"),
        "Publish": ("publish", "publish-run"),
        "System": ("doctor", "config", "completion"),
    }
)
"""Commands by group, in the order of the work."""

EXAMPLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "select": (
            "repobench select candidates.jsonl -o repos.txt",
            "repobench select candidates.jsonl --profile ood --metadata-only -o ood.toml",
        ),
        "mine": (
            "repobench mine repos.txt -o data",
            "repobench mine pallets/itsdangerous --cutoff none -o data",
            "repobench mine repos.txt --dry-run",
            "repobench mine repos.txt --protocol paper -o published",
        ),
        "import-official": ("repobench import-official code2lora/code2lora-evo code2lora/repopeftbench-ood -o data",),
        "synth": ("repobench synth demo", "repobench synth many --count 24 --commits 14"),
        "check": ("repobench check data", "repobench check data --no-baselines --json"),
        "diff": ("repobench diff data-before data", "repobench diff data-before data --exit-code"),
        "train": (
            "repobench train --method shared-lora --data data --recipe nano -o checkpoint",
            "repobench train --method code2lora-static --data data --dry-run",
        ),
        "train-nano": (
            "repobench train-nano --sources examples/nano-sources.toml --dry-run",
            "repobench train-nano --sources examples/nano-sources.toml --minutes 120 -o nano",
        ),
        "adapt": (
            "repobench adapt . -o adapter",
            "repobench adapt pallets/itsdangerous --evo --format gguf -o adapter",
        ),
        "run": (
            "repobench run --method copy-prefix --data data",
            "repobench run --method pretrained --backbone Qwen/Qwen2.5-Coder-1.5B --split cr_test --limit 500",
            "repobench run --method my_package.my_module:MyPredictor --data data",
            "repobench run --method pretrained --data data --dry-run",
        ),
        "score": ("repobench score repobench-out/runs/copy-prefix --data data --workers 2",),
        "probe": (
            "repobench probe --check",
            "repobench probe repobench-out/runs/copy-prefix --data data --dry-run",
            "repobench probe repobench-out/runs/copy-prefix --data data",
        ),
        "diagnose": (
            "repobench diagnose repobench-out/runs/code2lora-static --data data",
            "repobench diagnose checkpoint --data data --split cr_val --shared shared-lora -o diagnosis",
        ),
        "serve": ("repobench serve", "repobench serve runs --data data --port 0"),
        "report": (
            "repobench report",
            "repobench report runs/first runs/second --by family --by position --data data -o comparison",
        ),
        "compare": ("repobench compare runs/first runs/second --metric edit_similarity",),
        "publish": (
            "repobench publish data --repo-id ORG/NAME --dry-run",
            "repobench publish data --repo-id ORG/NAME --private",
        ),
        "publish-run": ("repobench publish-run repobench-out/runs/copy-prefix --repo-id ORG/NAME --dry-run",),
        "doctor": ("repobench doctor", "repobench doctor --offline --json"),
        "config": ("repobench config check repobench.toml",),
        "completion": ("repobench completion bash", "repobench completion zsh --install"),
    }
)
"""Command lines by command."""

EXIT_CODES: Mapping[int, str] = MappingProxyType(
    {
        0: "all done",
        1: "done, but something was left out and is named, or what was looked for was found",
        2: "nothing done, one sentence says why",
        130: "interrupted; the same command goes on where it stopped",
    }
)
"""What the exit codes of every command mean."""
