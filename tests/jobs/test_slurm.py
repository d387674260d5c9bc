"""Work on a real Slurm, started for these tests."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from tests.jobs.conftest import kinds, wait_for

from beambook.errors import JobError
from beambook.jobs import Batch, Job, Resources, Site, SlurmRunner, Task
from beambook.testing._slurm import private_slurm

PLAIN = Site()
HOLD = "until [ -e go ]; do sleep 0.05; done"


@pytest.fixture
def submit(slurm):
    """Hand a batch to Slurm; whatever is left of it is cancelled."""
    jobs = []

    def hand_over(batch, site=PLAIN, **options):
        jobs.append(SlurmRunner(site, **options).submit(batch))
        return jobs[-1]

    yield hand_over
    for job in jobs:
        if not all(each.is_final for each in job.states()):
            job.stop()


def status(job, number=0):
    try:
        return json.loads((job.folder / f"tasks/{number:04d}/status.json").read_text())
    except OSError:
        return {}


def test_an_array_and_what_comes_after_it(submit, make_batch, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_SUBMITTER", "1")
    monkeypatch.setenv("PATH", "/nowhere")  # Slurm's programs are found all the same
    site = Site(preamble="export FROM_THE_SITE='a b'")
    batch = make_batch(
        "env",
        "exit 3",
        "[ $BEAMBOOK_ATTEMPT = 2 ] || kill -9 $$",
        finish="ls $BEAMBOOK_BATCH/tasks",
        environment={"ANSWER": "42"},
    )
    job = submit(batch, site)
    seen = []
    first, wrong, again, end = job.wait(seen.append)
    assert kinds([first, wrong, again, end]) == ["done", "failed", "done", "done"]
    assert (wrong.exit, wrong.reason) == (3, "exit 3")
    assert (again.attempts, again.earlier) == (2, ("killed by SIGKILL",))
    assert first.node in ("u1", "u2")
    assert first.slurm_id.endswith("_0")
    found = dict(line.split("=", 1) for line in job.log(0).splitlines() if "=" in line)
    own = {name for name in found if not name.startswith("SLURM")}
    assert own - {"PWD", "SHLVL", "_", "OLDPWD"} == {
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "ANSWER", "FROM_THE_SITE", "BEAMBOOK_BATCH",
        "BEAMBOOK_TASK", "BEAMBOOK_ATTEMPT", "BEAMBOOK_THREADS", "OMP_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    }  # fmt: skip
    assert found["FROM_THE_SITE"] == "a b"
    assert "SLURM_GET_USER_ENV" not in found, "login scripts are slow, and differ"
    assert "0002" in job.log("finish")
    assert seen[-1].done == seen[-1].total == 4
    assert not list((job.folder / "slurm").glob(f"{job.runner._submissions_of(job).jobs[0]}*.out"))


def test_killing_a_wrapper_costs_an_attempt_and_there_are_three(submit, make_batch):
    job = submit(
        make_batch("[ $BEAMBOOK_ATTEMPT = 2 ] || kill -9 $PPID", "kill -9 $PPID", finish="echo end")
    )
    first, second, end = job.wait()
    assert kinds([first, second, end]) == ["done", "lost", "done"]
    assert (first.attempts, second.attempts) == (2, 3)
    assert "went away" in first.earlier[0]
    assert "signal 9" in second.reason


def _begins_again(slurm, job):
    """Whether the first task has left the queue; if not, it is asked to now, not in 2 min."""
    state = job.states()[0]
    if state.state != "queued":
        return True
    with suppress(subprocess.CalledProcessError):  # it is still being cleared from the dead node
        slurm.command("scontrol", "update", f"jobid={state.slurm_id}", "starttime=now")
    return False


def test_a_node_that_fails_costs_one_attempt(submit, slurm, make_batch):
    job = submit(make_batch("[ $BEAMBOOK_ATTEMPT = 2 ] || sleep 60", finish="echo end"))
    wait_for(lambda: status(job).get("state") == "running")
    node = status(job)["node"]
    try:
        slurm.kill_node(node)
        # As an administrator would; else Slurm waits for its SlurmdTimeout.
        slurm.command("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        wait_for(lambda: job.states()[0].state == "queued", "its way back into the queue", 90.0)
        wait_for(lambda: _begins_again(slurm, job), "its second start")
        first, end = job.wait()
    finally:
        slurm.start_node(node)  # it returns to service by itself (ReturnToService=2)
        slurm.wait_until_ready()
    assert kinds([first, end]) == ["done", "done"]
    assert (first.attempts, first.node != node) == (2, True)
    assert node in first.earlier[0]


def test_what_runs_has_lasted_until_now(submit, make_batch, tmp_path):
    job = submit(make_batch(HOLD))
    first = wait_for(lambda: job.states()[0].seconds, "a time before the first sign of life")
    assert first < 10.0, "which comes after 10 s"
    assert wait_for(lambda: job.states()[0].seconds > first)
    (tmp_path / "go").touch()
    assert kinds(job.wait()) == ["done"]


def test_stop_and_resume(submit, make_batch, tmp_path):
    job = submit(make_batch("echo x >> first", HOLD, HOLD, finish="echo end"), at_once=2)
    wait_for(lambda: kinds(job.states())[:2] == ["done", "running"])
    with pytest.raises(JobError, match="still runs"):
        job.resume()
    Job.load(job.folder).stop()
    assert kinds(job.wait()) == ["done", "stopped", "stopped", "stopped"]
    assert "stopped by" in job.states()[1].reason
    (tmp_path / "go").touch()
    assert kinds(job.resume().wait()) == ["done"] * 4
    assert (tmp_path / "first").read_text() == "x\n"


SUBMITTER = """
import sys
from beambook.jobs import Batch, Site, SlurmRunner, Task
tasks = tuple(Task(str(k), ("/bin/sh", "-c", "sleep 0.2; pwd")) for k in range(2))
batch = Batch("b", tasks, sys.argv[1], finish=Task("end", ("/bin/echo", "end")))
SlurmRunner(Site()).submit(batch)
"""


def test_the_user_logs_out(slurm, tmp_path, monkeypatch):
    subprocess.run(
        [sys.executable, "-c", SUBMITTER, tmp_path / "b"], check=True, timeout=60, cwd=tmp_path
    )
    monkeypatch.delenv("SLURM_CONF")  # the folder knows which Slurm it was
    job = Job.load(tmp_path / "b")
    assert kinds(job.wait()) == ["done"] * 3
    assert str(tmp_path) in job.log(1)


def test_why_it_waits(submit, make_batch):
    job = submit(make_batch("true", resources=Resources(seconds=600)), Site(partition="short"))
    reason = wait_for(lambda: job.states()[0].reason)
    assert reason.startswith("Partition")  # Config in some versions, TimeLimit in others
    assert "than the partition gives" in reason
    assert job.state == "queued"


def test_what_slurm_refuses(slurm, make_batch, tmp_path):
    file = tmp_path / "site.toml"
    file.write_text('# ours\npartition = "upex"\n')
    with pytest.raises(JobError) as caught:
        SlurmRunner(Site.load(file)).submit(make_batch("true"))
    assert "invalid partition" in str(caught.value)
    assert f'Change line 2 of {file}: partition = "upex"' in str(caught.value)
    with pytest.raises(JobError, match=r"Write memory = .* into"):
        SlurmRunner(PLAIN).submit(make_batch("true", resources=Resources(memory=1 << 45)))


def test_a_preamble_that_fails_is_named(submit, make_batch):
    job = submit(make_batch("true"), Site(preamble="echo no such module >&2; exit 5"))
    (state,) = job.wait()
    assert (state.state, state.attempts) == ("failed", 0)
    assert "failed before the task began (exit 5): no such module" in state.reason


def test_out_of_memory_is_named(submit, make_batch, tmp_path):
    (tmp_path / "eat.py").write_text("import time; x = b'x' * (600 << 20); time.sleep(30)")
    batch = make_batch(resources=Resources(memory=150 << 20), finish="echo end")
    hungry = Task("hungry", (sys.executable, str(tmp_path / "eat.py")))
    job = submit(Batch("b", (hungry,), batch.folder, finish=batch.finish,
                       resources=batch.resources))  # fmt: skip
    state, end = job.wait()
    assert (state.state, end.state) == ("failed", "done")
    assert "out of memory" in state.reason


def test_a_task_cancelled_by_hand_is_not_tried_again(submit, slurm, make_batch, tmp_path):
    job = submit(make_batch(HOLD, HOLD, finish="echo end"))
    wait_for(lambda: kinds(job.states())[:2] == ["running", "running"])
    slurm.command("scancel", job.states()[0].slurm_id)
    wait_for(lambda: kinds(job.states())[0] == "stopped")
    (tmp_path / "go").touch()
    assert kinds(job.wait()) == ["stopped", "done", "done"]


def test_where_no_job_may_submit_the_rest_is_finished(submit, make_batch, tmp_path):
    fake = tmp_path / "bin/sbatch"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho sbatch: error: Access denied >&2\nexit 1\n")
    fake.chmod(0o755)
    site = Site(preamble=f"export PATH={fake.parent}:$PATH")
    job = submit(make_batch("exec sleep 60", "true", finish="echo end"), site)
    wait_for(lambda: status(job).get("state") == "running")
    os.kill(status(job)["pid"], signal.SIGKILL)
    first, second, end = job.wait()
    assert kinds([first, second, end]) == ["lost", "done", "done"]
    assert "signal 9" in first.reason
    said = "".join(path.read_text() for path in (job.folder / "slurm").glob("*.out"))
    assert "cannot be tried again from within a job: sbatch: Access denied" in said


def test_small_arrays_and_a_slurm_that_is_gone(slurm, make_batch, monkeypatch):
    """A second Slurm beside the first one."""
    with private_slurm(nodes=1, cores=8, max_array_size=3) as other:
        monkeypatch.setenv("SLURM_CONF", other.environment["SLURM_CONF"])
        batch = make_batch(*["echo $BEAMBOOK_TASK"] * 7, finish="echo end")
        job = SlurmRunner(PLAIN, at_once=6).submit(batch)
        states = job.wait()
    assert kinds(states) == ["done"] * 8
    assert [job.log(k).splitlines()[1] for k in range(7)] == [str(k) for k in range(7)]
    record = json.loads((job.folder / "runner.json").read_text())
    assert [array["offset"] for array in record["arrays"]] == [0, 3, 6]
    # The files have the last word, and there is nothing to resume.
    assert Job.load(job.folder).states() == states
    assert Job.load(job.folder).resume().wait() == states
