"""Long-lived workers on a Ray cluster, for work that is expensive to begin: each keeps what it has loaded.

A worker does the items of a shard in order, and then those of the next shard that nobody has. One that is lost is
started again elsewhere and its item done again. It knows neither what is loaded nor what is done.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from typing import Any, TypeVar

from repopeftbench.dataset.manifest import Versions, current_versions
from repopeftbench.errors import ConfigError
from repopeftbench.ray_engine import RETRIES, different_worker, fetched

_I = TypeVar("_I")
_T = TypeVar("_T")


def serve(
    work: Callable[[_I], _T], shards: Sequence[Sequence[_I]], *, on_gpus: bool
) -> Iterator[tuple[tuple[int, int], _T]]:
    """What `work` makes of each item, as they are done, with the shard and the place in it.

    Must be called while a cluster is connected (`ray_engine.ray_engine`).

    Args:
        work: Picklable and importable on the workers; what it loads it keeps in its own module.
        shards: Items that one worker should do, in order.
        on_gpus: One worker for each GPU of the cluster; otherwise one for each CPU.

    Raises:
        ConfigError: a worker has other versions or lacks this package, or there is no GPU.
        SourceError: a worker could not read or write, or was lost too often over the same item.
    """
    import ray

    kind = "GPU" if on_gpus else "CPU"
    most = int(ray.cluster_resources().get(kind, 0))
    if most < 1:
        raise ConfigError(f"the Ray cluster has no {kind}: start its nodes with one, or choose another --device")
    needs = {"num_gpus": 1, "num_cpus": 1} if on_gpus else {"num_cpus": 1}
    remote = ray.remote(max_restarts=RETRIES, max_task_retries=RETRIES, **needs)(_Worker)
    waiting = list(enumerate(shards))[::-1]
    workers: list[Any] = []
    running: dict[Any, tuple[int, int, int]] = {}
    left: list[int] = []

    def begin(worker: int) -> None:
        if waiting:
            shard, items = waiting.pop()
            left[worker] = len(items)
            for place, item in enumerate(items):
                running[workers[worker].do.remote(work, item)] = (worker, shard, place)

    # Ray prints what it has to say about lost workers, and stdout is for results.
    with redirect_stdout(sys.stderr):
        try:
            for _ in range(min(most, len(shards))):
                workers.append(remote.remote(current_versions()))
                left.append(0)
                begin(len(workers) - 1)
            while running:
                done, _ = ray.wait(list(running), num_returns=1)
                worker, shard, place = running.pop(done[0])
                outcome = fetched(done[0])
                left[worker] -= 1
                if not left[worker]:
                    begin(worker)
                yield (shard, place), outcome
        finally:
            for actor in workers:
                ray.kill(actor)


class _Worker:
    """The process of a worker."""

    def __init__(self, versions: Versions) -> None:
        self._refusal = different_worker(versions)

    def do(self, work: Callable[[_I], _T], item: _I) -> _T | ConfigError:
        return work(item) if self._refusal is None else self._refusal
