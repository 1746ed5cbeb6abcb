"""`repobench select`: candidates' metadata and histories to a list of repositories that `mine` takes."""

import datetime as dt
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from harness.console import Tracker, record, say, show
from repopeftbench.atomic import write_atomically
from repopeftbench.candidate_clones import UNREACHABLE, select_by_clones
from repopeftbench.candidate_rows import read_candidates
from repopeftbench.candidates import Profile, Selection, Thresholds, published_thresholds, select_candidates
from repopeftbench.dataset.build import DEFAULT_CUTOFF, default_cache, parse_cutoff
from repopeftbench.dataset.manifest import is_dataset, read_manifest
from repopeftbench.errors import ConfigError, RepositoryListError
from repopeftbench.pool import LocalEngine
from repopeftbench.sources import repository_list
from repopeftbench.tombstones import listed_tombstones

PARTIAL = 1
_MARK = "# repobench select:"
"""How a list begins that this command wrote, and so may write again."""


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True, kw_only=True)
class SelectOptions:
    """What `select` can be told; limits that are left out are those of the profile."""

    out: Annotated[Path, Parameter(name=("--out", "-o"))] = Path("repos.txt")
    """The list: owner/name lines, or TOML with licences where the name ends in `.toml`. OUT.rejects.jsonl says why
    each of the others was dropped."""
    profile: Profile = Profile.IN_DISTRIBUTION
    """`in-distribution`: MIT, 300 stars, pushed since 2023-01-01, begun before the cutoff. `ood`: MIT or Apache-2.0, 6
    stars, 100 to 204,800 KB, pushed since 2025-01-01, not archived, begun at or after the cutoff."""
    licence: tuple[str, ...] = ()
    """SPDX ids that are taken, in place of the profile's."""
    min_stars: int | None = None
    """Fewest stars."""
    min_size_kb: int | None = None
    """Smallest size in KB, as GitHub counts it."""
    max_size_kb: int | None = None
    """Largest size in KB."""
    pushed_since: str | None = None
    """Day (UTC) or moment before which the last push is too long ago."""
    cutoff: str = DEFAULT_CUTOFF
    """Day (UTC) or moment between the profiles; `none` does not look at when repositories begin."""
    baseline: str | None = None
    """Repositories that are in use already, a list or a dataset: neither they nor forks of them are selected."""
    clones: Path | None = None
    """Folder of clones that are there: OWNER/NAME, OWNER__NAME, or a cache of `mine`. Default: clone to --cache."""
    metadata_only: bool = False
    """Look into no history: tests, their framework and copied histories are not checked."""
    cache: Path | None = None
    """Folder of the clones. Default: the user's cache folder."""
    tombstones: Path | None = None
    """TOML list of repositories that were taken down on request, beside the bundled one."""
    workers: int = 0
    """Processes; 0 takes one per core."""


_DEFAULT_SELECT = SelectOptions()


def select(candidates: Path, /, options: SelectOptions = _DEFAULT_SELECT) -> int:
    """Select repositories to mine from candidates' metadata and histories, by the published filters.

    Args:
        candidates: JSON lines as GitHub's API gives repositories: full_name, stargazers_count, license, created_at...
        options: Options.
    """
    if options.workers < 0:
        raise ConfigError(f"--workers {options.workers} must not be negative; 0 means one per core")
    if options.out.exists() and not (options.out.is_file() and options.out.read_bytes().startswith(_MARK.encode())):
        raise ConfigError(f"{options.out} is there already and no list that select wrote: name another file with -o")
    thresholds = _thresholds(options)
    tombstones = listed_tombstones(options.tombstones)
    baseline = frozenset() if options.baseline is None else _names(options.baseline)
    try:
        lines = candidates.read_bytes().split(b"\n")
    except OSError as error:
        raise RepositoryListError(f"candidates {candidates} cannot be read: {error}") from error
    selection = select_candidates(read_candidates(lines), thresholds, baseline=baseline, tombstones=tombstones)
    if not options.metadata_only:
        selection = _looked_into(selection, thresholds, options)
    return _written(selection, thresholds, options.out)


def _looked_into(selection: Selection, thresholds: Thresholds, options: SelectOptions) -> Selection:
    engine = LocalEngine(options.workers or os.cpu_count() or 1)
    done: set[str] = set()
    with Tracker("repositories") as tracker:

        def report(name: str, _done: int, _total: int) -> None:
            done.add(name)
            tracker.update("histories", len(done), len(selection.kept))

        return select_by_clones(
            selection,
            thresholds,
            clones=options.clones,
            cache=options.cache or default_cache(),
            engine=engine,
            report=report,
        )


def _thresholds(options: SelectOptions) -> Thresholds:
    thresholds = published_thresholds(options.profile, parse_cutoff(options.cutoff))
    limits = {name: getattr(options, name) for name in ("min_stars", "min_size_kb", "max_size_kb")}
    for name, value in limits.items():
        if value is not None and value < 0:
            raise ConfigError(f"--{name.replace('_', '-')} {value} must not be negative")
    thresholds = replace(thresholds, **{name: value for name, value in limits.items() if value is not None})
    if options.pushed_since is not None:
        thresholds = replace(thresholds, pushed_since=_moment(options.pushed_since))
    return replace(thresholds, licences=options.licence) if options.licence else thresholds


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--pushed-since {text!r} is no date: write YYYY-MM-DD") from error
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _names(baseline: str) -> frozenset[str]:
    """The names, in lower case, of a dataset's repositories or a list's."""
    if is_dataset(Path(baseline)):
        return frozenset(entry.repo_id.casefold() for entry in read_manifest(Path(baseline)).repositories)
    listed = repository_list(baseline)
    if listed.bad:
        raise RepositoryListError(f"baseline {baseline}: {listed.bad[0].problem}")
    return frozenset(source.repo_id.casefold() for source in listed.sources)


def _written(selection: Selection, thresholds: Thresholds, out: Path) -> int:
    ledger = selection.ledger
    if not ledger.balanced:
        raise AssertionError(f"the ledger of candidates does not add up: {ledger}")
    rejects = out.with_name(f"{out.name}.rejects.jsonl")
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in selection.rejected]
    write_atomically(rejects, "".join(rows).encode("utf-8", "backslashreplace"))
    text = _toml(selection, thresholds) if out.suffix == ".toml" else _text(selection, thresholds)
    write_atomically(out, text.encode())
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in ledger.dropped.items())
    left = ledger.seen - ledger.kept
    show(f"candidates: {ledger.seen:,} seen = {ledger.kept:,} kept + {left:,} dropped ({dropped or 'none'})")
    show(f"{out}, and why the others were dropped: {rejects}")
    record(list=out, rejects=rejects, seen=ledger.seen, kept=ledger.kept, dropped=ledger.dropped)
    unreachable = [one for one in selection.rejected if one.reason == UNREACHABLE]
    for one in unreachable:
        say(f"not looked into: {one.full_name}: {one.detail}")
    if not selection.kept:
        say(f"no candidate is left: see {rejects}")
    return PARTIAL if unreachable or not selection.kept else 0


def _text(selection: Selection, thresholds: Thresholds) -> str:
    return "".join((_heading(selection, thresholds), *(f"{one.source.text}\n" for one in selection.kept)))


def _toml(selection: Selection, thresholds: Thresholds) -> str:
    parts = [_heading(selection, thresholds)]
    if thresholds.cutoff is not None:
        parts.append(f"cutoff = {json.dumps(thresholds.cutoff.isoformat())}\n")
    for one in selection.kept:
        licence = f"licence = {json.dumps(one.licence)}\n" if one.licence else ""
        parts.append(f"\n[[repository]]\nsource = {json.dumps(one.source.text)}\n{licence}")
    return "".join(parts)


def _heading(selection: Selection, thresholds: Thresholds) -> str:
    return f"{_MARK} {len(selection.kept):,} repositories, profile {thresholds.profile}\n"
