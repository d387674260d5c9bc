"""A Dask client in one line: for work inside of one analysis that is parallel over data."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beambook.errors import JobError, MissingPackage, ParameterError
from beambook.jobs._site import Site
from beambook.jobs._slurm_command import clean_command
from beambook.jobs._slurm_script import prologue
from beambook.jobs._slurm_submit import sbatch

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["cluster"]

INSTALL = "Install it: pip install 'beambook[cluster]'"
WORKER_MEMORY = 3 << 30  # for a core; the nodes of our own Slurm to try have 4000 MB
LEAST_MEMORY = 2 << 30
WORKERS = 8
CONNECT_SECONDS = 20.0
LOGS = Path("beambook") / "dask"
GUARD = "In a script, put what uses the cluster below a line: if __name__ == '__main__':"


def cluster(n: int | None = None, *, on: str = "local", site: Site | None = None) -> Client:
    """Start workers, or find them, and connect to them.

    Parameters
    ----------
    n : int, optional
        Most workers; as a default as many as this machine has room for (a core and 2 GiB
        each), on a cluster the site's `at_once` or 8.
    on : str
        ``"local"``: processes of this machine. ``"slurm"``: jobs, which come and go with the
        work, none while there is none; one that is lost is replaced. An address such as
        ``"tcp://max-exfl007:8786"``: the scheduler that listens there.
    site : Site, optional
        Of the cluster; else what `Site.load` finds.

    Returns
    -------
    distributed.Client
        Closing it, or leaving its ``with`` block, ends the workers that were started here;
        those of a scheduler by address go on.

    Raises
    ------
    MissingPackage
        If distributed (for Slurm: dask_jobqueue) is not installed.
    JobError
        If nothing answers at the address, or no worker can be started.
    ParameterError
        If `on` is none of these.

    Notes
    -----
    Workers on this machine import the script that starts them: what uses the cluster stands
    below ``if __name__ == "__main__":`` there. A notebook needs no such line.

    Who can reach the scheduler's port can run code as you; that is how Dask is made. Inside
    of a facility's network that is a matter of trust in its users.

    Examples
    --------
    >>> with cluster(2) as client:  # doctest: +SKIP
    ...     client.submit(sum, [1, 2, 3]).result()
    6
    """
    if n is not None and n < 1:
        raise ParameterError(f"n={n}: at least one worker")
    if "://" in on:
        return _by_address(on)
    if on == "local":
        return _owning_client(_local(n))
    if on == "slurm":
        return _owning_client(_on_slurm(n, Site.load() if site is None else site))
    raise ParameterError(f"No cluster {on!r}", hint="It is 'local', 'slurm' or 'tcp://HOST:PORT'")


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise MissingPackage("A Dask cluster needs distributed", hint=INSTALL) from error
    return distributed


def _by_address(address: str) -> Client:
    distributed = _distributed()
    try:
        client: Client = distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        raise JobError(f"No Dask scheduler answers at {address}: {error}") from error
    return client


def _owning_client(workers: Any) -> Client:
    """A client whose end is that of its workers."""
    distributed = _distributed()

    class Owner(distributed.Client):  # type: ignore[misc, name-defined, unused-ignore]
        def close(self, *args: Any, **options: Any) -> Any:
            closed = super().close(*args, **options)
            workers.close()
            return closed

    try:
        return Owner(workers)
    except BaseException:
        workers.close()
        raise


def _local(n: int | None) -> Any:
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    n = n or max(1, min(cores, memory // LEAST_MEMORY))
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)  # a worker that imports a script without GUARD; whoever waits says so
    try:
        return _distributed().LocalCluster(
            n_workers=n,
            threads_per_worker=max(1, cores // n),
            memory_limit=int(0.9 * memory / n),
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,  # at the end its workers complain of each other
        )
    except RuntimeError as error:
        why = error.__cause__ or error
        raise JobError(f"No worker of Dask could be started here: {why}", hint=GUARD) from None


def _on_slurm(n: int | None, site: Site) -> Any:
    _distributed()
    try:
        from dask_jobqueue import SLURMCluster  # type: ignore[attr-defined, unused-ignore]
        from dask_jobqueue.slurm import SLURMJob
    except ImportError as error:
        raise MissingPackage("Dask on Slurm needs dask_jobqueue", hint=INSTALL) from error

    class CleanJob(SLURMJob):  # type: ignore[misc, unused-ignore]
        submit_command = shlex.join(clean_command("sbatch"))

    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    workers = SLURMCluster(
        job_cls=CleanJob,  # type: ignore[arg-type, unused-ignore]  # its hint means an instance
        cores=site.cores or 1,
        processes=1,
        memory=f"{(site.memory or WORKER_MEMORY * (site.cores or 1)) >> 20}MiB",
        walltime=_clock(site.time) if site.time else None,
        queue=site.partition or None,
        account=site.account or None,
        interface=site.interface or None,
        python=site.python,
        job_name="bb-dask",
        job_script_prologue=prologue(site),
        job_extra_directives=[*([f"--qos={site.qos}"] if site.qos else []), *site.sbatch],
        log_directory=str(cache / LOGS),
        scheduler_options={"dashboard_address": ":0"},
    )
    try:
        script: str = workers.job_script()  # type: ignore[no-untyped-call, unused-ignore]
        _ask_whether_allowed(script, site)
    except BaseException:
        workers.close()
        raise
    workers.adapt(minimum=0, maximum=n or site.at_once or WORKERS)
    return workers


def _ask_whether_allowed(script: str, site: Site) -> None:
    """Have a refusal here and now: Dask would only log it, and wait for ever."""
    with tempfile.NamedTemporaryFile("w", prefix="beambook-", suffix=".sh") as file:
        file.write(script)
        file.flush()
        sbatch("--test-only", file.name, site=site)


def _clock(seconds: float) -> str:
    """Seconds as Slurm writes them.

    Examples
    --------
    >>> _clock(5400)
    '1:30:00'
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
