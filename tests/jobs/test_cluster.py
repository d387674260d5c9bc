"""Dask in one line, with real workers."""

import importlib
import os
import subprocess
import sys
import time

import pytest
from tests.jobs.conftest import wait_for

from beambook.errors import JobError, MissingPackage, ParameterError
from beambook.jobs import Site, cluster

room = importlib.import_module("beambook.jobs._cluster")  # the name of the room's function, too


# Dask's own loops and sockets at the end of a client are not ours to count.
quietly = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@quietly
def test_local_and_by_address(monkeypatch):
    with cluster(1) as client:
        address = client.scheduler.address
        with cluster(on=address) as second:
            assert second.submit(sum, [1, 2, 3]).result() == 6
        assert client.submit(sum, [1, 2]).result() == 3, "it outlives a client by address"
    monkeypatch.setattr(room, "CONNECT_SECONDS", 0.5)
    with pytest.raises(JobError, match="No Dask scheduler answers"):
        cluster(on=address)


@quietly
def test_a_worker_that_slurm_takes_is_replaced(slurm, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("OF_THE_SUBMITTER", "1")

    def slow_square(number):  # by value: a worker cannot import the tests
        time.sleep(0.1)
        return number**2

    with cluster(1, on="slurm", site=Site(interface="lo")) as client:
        squares = client.map(slow_square, range(30))

        def running():
            return slurm.command("squeue", "-h", "-n", "bb-dask", "-t", "R", "-o", "%i").split()

        (first,) = wait_for(running)
        wait_for(lambda: any(each.status == "finished" for each in squares))
        assert client.submit(os.getenv, "OF_THE_SUBMITTER").result() is None
        slurm.command("scancel", first)
        assert client.gather(squares) == [number**2 for number in range(30)]
        assert running() != [first]
    wait_for(lambda: not running(), "the end of all workers")


def test_a_script_without_the_line_that_workers_need_is_told_of_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import beambook as bb\n\nwith bb.cluster(1) as client:\n    pass\n")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("below a line: if __name__ == '__main__':")
    assert done.stderr.count("Traceback") == 1, "workers say nothing of their own"


def test_what_slurm_refuses_is_said_at_once(slurm, tmp_path):
    with pytest.raises(JobError, match=r"invalid partition.*Write partition"):
        cluster(1, on="slurm", site=Site(partition="upex", interface="lo"))
    with pytest.raises(JobError, match=r'memory = "…G" into .*, or: Write cores = … into'):
        cluster(1, on="slurm", site=Site(memory=1 << 40, interface="lo"))


def test_what_is_refused(monkeypatch):
    with pytest.raises(ParameterError, match="at least one worker"):
        cluster(0)
    with pytest.raises(ParameterError, match="tcp://HOST:PORT"):
        cluster(on="cloud")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingPackage, match=r"beambook\[cluster\]"):
        cluster(1)
