"""The dataset card (`README.md` on the Hub): what the data is, how it was made, whose it is, and what is wrong with it.

Everything in it is counted from the dataset or read from its manifest. It does not know the Hub, and prints no clock.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from repopeftbench.audit.findings import Findings
from repopeftbench.dataset.attribution import ATTRIBUTION_NAME, attribution_table, cell
from repopeftbench.dataset.card_audit import audit_section
from repopeftbench.dataset.columns import column_table
from repopeftbench.dataset.description import (
    PAPER_BIBTEX,
    PAPER_TITLE,
    PAPER_URL,
    Description,
    known_limits,
    toolkit_bibtex,
)
from repopeftbench.dataset.front_matter import common_licence, front_matter
from repopeftbench.dataset.hub_records import HubConfig
from repopeftbench.dataset.licences import TEXTS_NAME
from repopeftbench.dataset.manifest import Manifest, MiningConfig
from repopeftbench.schema import Family, Split, TargetType, Track
from repopeftbench.tasks.select import CAP_PER_COMMIT, CAP_PER_FILE

MOST_IN_CARD = 50
"""Repositories up to which the card has the whole table of attribution."""
_ROLES = {
    "train": "`ir_train`, `ir_val`, `ir_test`",
    "cr_val": "`cr_val`, whole",
    "cr_test": "`cr_test`, whole",
    "ood_test": "`ood_test`, whole",
}


def card_of(description: Description, findings: Findings | None, repo_id: str, configs: Sequence[HubConfig]) -> str:
    """The card of a dataset, with its YAML header.

    Args:
        description: of the dataset.
        findings: of its audit; None where it was not audited, which the card then says.
        repo_id: the name that it has, or will have, on the Hub (`ORG/NAME`).
        configs: what `load_dataset` reads there.
    """
    title = repo_id.rpartition("/")[2]
    header = front_matter(repo_id, title, description.statistics.tasks, description.licences, configs)
    sections = (
        header,
        _introduction(description, title),
        _statistics(description),
        _making(description),
        _loading(repo_id, configs),
        _columns(configs),
        _attribution(description),
        _limits(description),
        audit_section(findings),
        _citing(description),
        _taking_down(),
    )
    return "\n\n".join(sections) + "\n"


def _introduction(description: Description, title: str) -> str:
    manifest, tasks = description.manifest, description.statistics.tasks
    made = f"It was imported from {manifest.origin}." if manifest.origin else "It was mined from public git histories."
    return f"""# {title}

{tasks:,} tasks of **assertion completion** from {len(manifest.repositories):,} Python repositories. A task is real code
up to the point where a test says what it expects, for example `assert parcel_fee(30) ==`; the answer is the expression
that the developers wrote there. {made}

Tasks come from one snapshot of each repository (track `static`) or commit by commit (track `evolution`). The data is
there to measure what a method knows about a repository: it may read the production code at the task's commit, never
the tests and never later commits."""


def _statistics(description: Description) -> str:
    counts = description.statistics
    tracks = tuple(track for track in Track if any(found is track for found, _ in counts.by_split))

    def by_track(what: str, names: Iterable[str], of: Mapping[tuple[Track, str], int]) -> str:
        met = [name for name in names if any((track, name) in of for track in tracks)]
        rows = [[f"`{name}`", *(f"{of.get((track, name), 0):,}" for track in tracks)] for name in met]
        return _table((f"tasks by {what}", *tracks), rows)

    roles: Counter[str] = Counter(entry.role for entry in description.manifest.repositories)
    whole = [[f"`{role}`: {splits}", f"{roles[role]:,}"] for role, splits in _ROLES.items() if role in roles]
    parts = (
        "## What is in it",
        by_track("split", Split, counts.by_split),
        "On the Hub, `ir_train` is called `train`.",
        _table(("repositories by role", "repositories"), whole),
        by_track("kind of assertion", Family, counts.families),
        by_track("kind of target", TargetType, counts.target_types),
    )
    return "\n\n".join(parts)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; every column but the first one holds numbers."""
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _making(description: Description) -> str:
    manifest = description.manifest
    versions = ", ".join(f"{name} {value}" for name, value in manifest.versions)
    parts = (
        "## How it was made",
        _protocol(manifest.config),
        f"Versions: {versions}. SHA-256 of the manifest: `{description.sha256}`.",
        "\n".join((*_ledgers(manifest), *(f"- {note}" for note in manifest.notes))),
    )
    return "\n\n".join(parts)


def _protocol(config: MiningConfig) -> str:
    if config.protocol == "paper":
        return (
            "Protocol `paper`: the construction of the published benchmark, **defects included**, so that published "
            "numbers can be compared with. A commit's task need not be a new statement, cuts can be malformed, "
            "prefixes may end in white space with `gap` and `suffix` empty, and statements of train occur in val and "
            "test. For anything else use a dataset of the protocol `clean`."
        )
    cutoff = "no cutoff" if config.cutoff is None else f"cutoff {config.cutoff}"
    beyond = (
        ""
        if config.cutoff is None
        else "\n- Repositories that begin after the cutoff are `ood_test`; other histories end there."
    )
    limit = "no limit" if config.prefix_bytes is None else f"at most {config.prefix_bytes:,} bytes"
    return f"""Protocol `clean`, {cutoff}, seed {config.seed}, prefixes of {limit}, kinds of assertion: \
{", ".join(config.families)}.

- A commit's assertion is a task only if it is new: equal statements of the version before are matched one by one.
- The cut is byte-exact: the end of `prefix`, then `gap`, `target` and `suffix` are the statement as it stands in the
  file. A prefix never ends in white space, and a target always parses as an expression.
- A prefix is imports, the enclosing class, fixtures and helpers, then the test up to the cut; never other tests.
- Whole repositories are `cr_val` and `cr_test`. Inside the others splits are chronological by commit (evolution) and by
  file (static), and statements of train are dropped from val and test.
- At most {CAP_PER_COMMIT} tasks of a commit and {CAP_PER_FILE} of a file in a commit, drawn with the seed.{beyond}"""


def _ledgers(manifest: Manifest) -> Iterator[str]:
    for track, ledger in ((Track.STATIC, manifest.static), (Track.EVOLUTION, manifest.evolution)):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in ledger.dropped.items()) or "none"
        dropped = ledger.seen - ledger.kept
        yield f"- {track}: {ledger.seen:,} assertions seen = {ledger.kept:,} kept + {dropped:,} dropped ({reasons})"


def _loading(repo_id: str, configs: Sequence[HubConfig]) -> str:
    rows = "\n".join(
        f"| `{config.name}` | {', '.join(split.name for split in config.splits)} | {cell(config.description)} |"
        for config in configs
    )
    first = next((config for config in configs if config.name == Track.EVOLUTION), configs[0])
    split = next((split.name for split in first.splits if split.name.endswith("_test")), first.splits[0].name)
    return f"""## How to load it

```python
from datasets import load_dataset

tasks = load_dataset("{repo_id}", "{first.name}", split="{split}")
print(tasks[0]["prefix"], "->", tasks[0]["target"])
```

| config | splits | holds |
|---|---|---|
{rows}

`croissant.json` describes the same files in Croissant 1.0, with their SHA-256."""


def _columns(configs: Sequence[HubConfig]) -> str:
    parts = ["## Columns"]
    described: dict[str, str] = {}
    for config in configs:
        columns = column_table(config.schema)
        same = next((name for name, other in described.items() if other == columns), None)
        described.setdefault(config.name, columns)
        parts += [f"### `{config.name}`", columns if same is None else f"The columns of `{same}`."]
    return "\n\n".join(parts)


def _attribution(description: Description) -> str:
    found, common = description.attributions, common_licence(description.licences)
    unknown = sum(one.licence is None for one in found)
    if unknown:
        spoken = f"The licence of {unknown:,} of {len(found):,} is not known: ask their authors before you use them."
    else:
        spoken = f"All repositories are under {common}." if common else "The licences of the repositories differ."
    texts = any(one.texts for one in description.licences)
    places = (
        f"Their texts are in `{TEXTS_NAME}/`, as far as they were found." if texts else "No licence text was found."
    )
    whole = attribution_table(found) if len(found) <= MOST_IN_CARD else f"It has {len(found):,} rows."
    return f"""## Licence and attribution

Every statement, prefix, file and diff is the work of the authors of its repository and stays under that repository's
licence, which column `licence` of its tasks names where the list of repositories did. {spoken} {places}
The whole table of repositories is in `{ATTRIBUTION_NAME}`.

{whole}"""


def _limits(description: Description) -> str:
    return "## Known limits\n\n" + "\n".join(f"- {line}" for line in known_limits(description.manifest.config))


def _citing(description: Description) -> str:
    return f"""## How to cite it

The benchmark was introduced in [{PAPER_TITLE}]({PAPER_URL}). Please cite it, and the toolkit that made this data:

```bibtex
{PAPER_BIBTEX}

{toolkit_bibtex(description)}
```"""


def _taking_down() -> str:
    return """## How to have a repository taken down

If you hold rights in a repository and do not want it here, open a discussion in this dataset's Community tab and name
the repository. It is added to `TOMBSTONES.toml`, the data is published again without it, and the toolkit neither clones
nor mines it from its next version on."""
