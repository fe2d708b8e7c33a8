"""The raw videos of a run over the machines of a Ray cluster (extra `ray`): Ray Data hands them out.

RAW_DIR and OUT_DIR must be the same folders on every machine. What Ray does is only what several processes
do on one machine; parts, duplicates, manifest and report are as without it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lipwright.dataset.prepare import Runner
from lipwright.dataset.work import Job, prepare_one
from lipwright.errors import LipwrightError, OptionError

LOCAL = "local"


def runner_on(address: str, processes: int = 1) -> Runner:
    """A runner on a cluster that is there (`auto`, or its address), or on one of its own (`local`) with so
    many processes. Raises OptionError when Ray is not installed or the cluster cannot be reached.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise OptionError("--ray needs Ray; install it with `pip install 'lipwright[ray]'`.") from error

    def run(job: Job, sources: Sequence[str]) -> Iterator[str]:
        everywhere = Job(job.raw.resolve(), job.out.resolve(), job.config)
        own = not ray.is_initialized()
        if own:
            where: dict[str, Any] = {"num_cpus": processes} if address == LOCAL else {"address": address}
            try:
                ray.init(include_dashboard=False if address == LOCAL else None, log_to_driver=False, **where)
            except (ConnectionError, RuntimeError, ValueError) as error:
                detail = " ".join(str(error).split())[:200]
                raise OptionError(f"The Ray cluster {address!r} cannot be used ({detail}).") from error
        try:
            items = ray.data.from_items([{"source": source} for source in sources])
            spread = items.repartition(len(sources)).map(_one, fn_args=(everywhere,))
            for row in spread.iter_rows():
                yield str(row["source"])
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, LipwrightError):
                raise error.cause from error
            raise
        finally:
            if own:
                ray.shutdown()

    return run


def _one(row: dict[str, Any], job: Job) -> dict[str, Any]:
    source = str(row["source"])
    if not Path(job.raw).is_dir():
        raise OptionError(f"This machine has no folder {job.raw}; mount it where the others have it.")
    prepare_one(job, source)
    return {"source": source}
