"""Work on this machine, with real processes."""

import json
import os
import signal
import subprocess
import sys

import pytest
from tests.jobs.conftest import MOST_SECONDS, kinds, sh, wait_for

from beambook.errors import JobError, NameNotFound, ParameterError, RunNotFound
from beambook.jobs import Batch, Job, LocalRunner, Resources, Task, runner
from beambook.jobs._local import room_for

TRAP = "trap 'echo asked to end; exit 0' TERM; touch ready; sleep 30 & wait"


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_each_task_ends_in_its_own_way(make_batch):
    batch = make_batch(
        "echo fine; echo no >&2",
        "exit 3",
        "[ $BEAMBOOK_ATTEMPT = 2 ] || kill -9 $$",
        "kill -SEGV $$",
        finish="ls $BEAMBOOK_BATCH/tasks | wc -l",
    )
    batch = Batch(
        batch.title,
        (*batch.tasks, Task("no such program", ("does-not-exist",))),
        batch.folder,
        finish=batch.finish,
    )
    seen = []
    job = LocalRunner(at_once=3).submit(batch)
    fine, wrong, again, never, absent, end = job.wait(seen.append)
    assert kinds([fine, wrong, again, never, absent, end]) == [
        "done", "failed", "done", "failed", "failed", "done",
    ]  # fmt: skip
    assert (fine.exit, fine.attempts, fine.is_finish, end.is_finish) == (0, 1, False, True)
    assert "fine\nno\n" in job.log("part 0")
    assert (wrong.exit, wrong.signal, wrong.attempts, wrong.reason) == (3, None, 1, "exit 3")
    assert (again.attempts, again.earlier) == (2, ("killed by SIGKILL",))
    assert (never.attempts, never.signal, never.reason) == (3, signal.SIGSEGV, "killed by SIGSEGV")
    assert "does-not-exist" in absent.reason
    assert "5" in job.log("finish").split()
    assert end.started >= max(each.ended for each in (fine, wrong, again, never, absent))
    assert fine.peak_memory > 100_000
    assert job.state == "failed"
    assert (seen[-1].done, seen[-1].total) == (6, 6)


def test_a_task_sees_nothing_of_its_submitter(make_batch, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_SUBMITTER", "1")
    monkeypatch.setenv("BEAMBOOK_DATA", "/gpfs")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    batch = make_batch("env", environment={"ANSWER": "42"})
    job = LocalRunner().submit(batch)
    job.wait()
    found = dict(line.split("=", 1) for line in job.log(0).splitlines() if "=" in line)
    assert set(found) - {"PWD", "SHLVL", "_", "OLDPWD"} == {
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "ANSWER", "BEAMBOOK_BATCH", "BEAMBOOK_TASK",
        "BEAMBOOK_ATTEMPT", "BEAMBOOK_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS",
    }  # fmt: skip
    assert (found["ANSWER"], found["BEAMBOOK_TASK"]) == ("42", "0")
    assert make_batch("true").environment["BEAMBOOK_DATA"] == "/gpfs"


def test_resume_runs_only_what_has_not_succeeded(make_batch, tmp_path):
    batch = make_batch(
        "echo once >> first", "echo x >> second; [ -e cured ]", finish="echo end >> last"
    )
    job = LocalRunner().submit(batch)
    assert kinds(job.wait()) == ["done", "failed", "done"]
    (tmp_path / "cured").touch()
    again = Job.load(batch.folder).resume()
    assert kinds(again.wait()) == ["done", "done", "done"]
    assert (tmp_path / "first").read_text() == "once\n"
    assert (tmp_path / "second").read_text() == "x\nx\n"
    assert (tmp_path / "last").read_text() == "end\nend\n"
    assert kinds(again.resume().wait()) == ["done", "done", "done"]
    assert (tmp_path / "last").read_text() == "end\nend\n", "nothing was left to do"
    assert json.loads((batch.folder / "tasks/0001/status-1.json").read_text())["exit"] == 1


def test_stop_asks_first_and_begins_nothing_more(make_batch, tmp_path):
    job = LocalRunner(at_once=1).submit(make_batch(TRAP, "touch never", finish="touch never"))
    wait_for(lambda: job.states()[0].state == "running" and (tmp_path / "ready").exists())
    with pytest.raises(JobError, match="still runs"):
        job.resume()
    job.stop()
    first, second, end = job.wait()
    assert kinds([first, second, end]) == ["stopped"] * 3
    assert "stopped by" in first.reason
    assert "asked to end" in job.log(0)
    assert not (job.batch.directory / "never").exists()
    assert second.attempts == 0
    assert job.state == "stopped"


def test_what_runs_has_lasted_until_now(make_batch, tmp_path):
    job = LocalRunner().submit(make_batch("until [ -e go ]; do sleep 0.05; done"))
    seconds = wait_for(lambda: job.states()[0].seconds, "a time before the first sign of life")
    assert 0 < seconds < 10 * MOST_SECONDS
    (tmp_path / "go").touch()
    (state,) = job.wait()
    assert state.seconds == state.ended - state.started


def test_time_limit(make_batch):
    job = LocalRunner().submit(make_batch("sleep 30", resources=Resources(seconds=0.3)))
    (state,) = job.wait()
    assert (state.state, state.reason, state.attempts) == ("failed", "time limit of 0.3 s", 1)


def test_what_a_task_leaves_behind_is_ended(make_batch, tmp_path):
    job = LocalRunner().submit(
        make_batch("setsid sleep 60 & echo $! > pid; sleep 60 & echo $! >> pid; sleep 0.1")
    )
    assert kinds(job.wait()) == ["done"]
    pids = (tmp_path / "pid").read_text().split()
    wait_for(lambda: not any(map(alive, pids)), "the end of both")


def test_killing_a_wrapper_costs_one_attempt(make_batch, tmp_path):
    batch = make_batch("echo $$ >> pids; [ $BEAMBOOK_ATTEMPT = 2 ] || sleep 60", finish="echo end")
    job = LocalRunner().submit(batch)
    status = batch.folder / "tasks/0000/status.json"
    wait_for((tmp_path / "pids").exists)
    os.kill(json.loads(status.read_text())["pid"], signal.SIGKILL)
    first, end = job.wait()
    assert (first.state, first.attempts, end.state) == ("done", 2, "done")
    assert "went away" in first.earlier[0]
    wait_for(lambda: not any(map(alive, (tmp_path / "pids").read_text().split())))


SUBMITTER = """
import sys
from beambook.jobs import Batch, LocalRunner, Task
lines = "echo x >> quick", *["echo $$ >> pids; [ -e cured ] || sleep 60"] * 2
tasks = tuple(Task(line, ("/bin/sh", "-c", line)) for line in lines)
batch = Batch("b", tasks, sys.argv[1], directory=sys.argv[2])
job = LocalRunner(at_once=3, stays=sys.argv[3] == "stays").submit(batch)
if sys.argv[3] != "stays":
    job.wait()
"""


def submitter(tmp_path, how):
    command = [sys.executable, "-c", SUBMITTER, str(tmp_path / "b"), str(tmp_path), how]
    return subprocess.Popen(command)


def at_work(tmp_path):
    """The job, once the quick task has ended and the two others are in the middle of theirs."""
    job = wait_for(lambda: (tmp_path / "b/runner.json").exists() and Job.load(tmp_path / "b"))
    wait_for(lambda: kinds(job.states()) == ["done", "running", "running"])
    wait_for(lambda: len(pids(tmp_path)) == 2)
    return job


def test_all_is_stopped_with_the_submitter(tmp_path):
    with submitter(tmp_path, "foreground") as process:
        at_work(tmp_path)
        process.kill()
    job = Job.load(tmp_path / "b")
    states = job.wait()
    assert kinds(states) == ["done", "stopped", "stopped"]
    assert "the process that ran the batch ended" in states[1].reason
    wait_for(lambda: not any(map(alive, pids(tmp_path))))


def test_interrupt_stops_the_work_and_says_so(tmp_path):
    with submitter(tmp_path, "foreground") as process:
        at_work(tmp_path)
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert kinds(Job.load(tmp_path / "b").states()) == ["done", "stopped", "stopped"]
    assert not any(map(alive, pids(tmp_path)))


def test_work_that_stays_goes_on_without_its_submitter(tmp_path):
    (tmp_path / "cured").touch()
    with submitter(tmp_path, "stays") as process:
        process.wait(30)
    assert kinds(Job.load(tmp_path / "b").wait()) == ["done"] * 3


def test_after_a_power_cut_the_rest_is_run(tmp_path):
    with submitter(tmp_path, "foreground") as process:
        job = at_work(tmp_path)
        records = [json.loads(path.read_text()) for path in (tmp_path / "b").rglob("status.json")]
        pool = json.loads((tmp_path / "b/runner.json").read_text())["pid"]
        mine = [process.pid, pool, *(e["pid"] for e in records if e["state"] == "running")]
        for signum in signal.SIGSTOP, signal.SIGKILL:  # at once: none sees another one end
            for pid in mine:
                os.kill(pid, signum)
    wait_for(lambda: not any(map(alive, pids(tmp_path))), "the end of what they had started")
    wait_for(lambda: kinds(job.states()) == ["done", "lost", "lost"], "the end of the wrappers")
    assert job.state == "lost"
    (tmp_path / "b/tasks/0001/status.json").write_text('{"state": "runn')  # cut in the middle
    assert kinds(job.states()) == ["done", "lost", "lost"]
    (tmp_path / "cured").touch()
    assert kinds(job.resume().wait()) == ["done"] * 3
    assert (tmp_path / "quick").read_text() == "x\n"


def pids(folder):
    path = folder / "pids"
    return path.read_text().split() if path.exists() else []


def test_many_run_at_once(make_batch, tmp_path):
    meet = "touch here-$BEAMBOOK_TASK; until [ $(ls here-* | wc -l) = 4 ]; do sleep 0.02; done"
    job = LocalRunner(at_once=4).submit(make_batch(*[meet] * 4))
    assert kinds(job.wait()) == ["done"] * 4


def test_room():
    cores = len(os.sched_getaffinity(0))
    assert room_for(Resources()) == cores
    assert room_for(Resources(cores=10_000)) == 1
    assert room_for(Resources(memory=1 << 60)) == 1


def test_a_batch_without_tasks_still_finishes(make_batch):
    job = LocalRunner().submit(make_batch(finish="echo the end"))
    assert kinds(job.wait()) == ["done"]


def test_log_of_what_is_not_there(make_batch):
    job = LocalRunner().submit(make_batch("true"))
    job.wait()
    with pytest.raises(NameNotFound, match="part 0"):
        job.log("prat 0")
    with pytest.raises(NameNotFound, match="numbers 0 to 0"):
        job.log(1)


def test_jobs_are_found_again(make_batch, tmp_path):
    LocalRunner().submit(make_batch("true", name="run-1/batch")).wait()
    LocalRunner().submit(make_batch("true", name="other-2")).wait()
    assert [job.id for job in Job.all(tmp_path)] == ["other-2", "run-1"]
    assert Job.load("run", tmp_path).folder == tmp_path / "run-1/batch"
    assert Job.load(tmp_path / "run-1").id == "run-1"
    with pytest.raises(RunNotFound, match="Others are run-1"):
        Job.load("run-2", tmp_path)
    with pytest.raises(RunNotFound, match="There is none at all"):
        Job.load("run-1", tmp_path / "nowhere")


def test_what_is_refused(make_batch, tmp_path):
    with pytest.raises(ParameterError, match="at_once=0"):
        LocalRunner(0)
    with pytest.raises(ParameterError, match="'local' or on 'slurm'"):
        runner("cloud")
    with pytest.raises(ParameterError, match="has no command"):
        Batch("b", (Task("empty", ()),), tmp_path)
    with pytest.raises(ParameterError, match="more than nothing"):
        Resources(seconds=0.0)
    batch = make_batch("true")
    batch.save()
    with pytest.raises(JobError, match="never handed"):
        Job.load(batch.folder).stop()


def test_a_batch_that_no_runner_took_is_listed_and_resumed(make_batch, tmp_path):
    make_batch("true", finish="true").save()
    (job,) = Job.all(tmp_path)
    assert [(s.state, s.reason, s.is_finish) for s in job.states()] == [
        ("lost", "was never submitted", False),
        ("lost", "was never submitted", True),
    ]
    assert "never submitted" in job.card().text()
    assert kinds(job.resume(LocalRunner()).wait()) == ["done", "done"]


def test_a_batch_is_what_it_was(make_batch):
    batch = make_batch("true", "false", finish="true", resources=Resources(2, 1 << 30, 60.0))
    batch.save()
    assert Batch.load(batch.folder) == batch


def test_card(make_batch):
    job = LocalRunner().submit(make_batch("true", "exit 1"))
    job.wait()
    text = job.card().text()
    assert "1 done, 1 failed" in text
    assert "exit 1" in text
    assert f"beambook log {job.id}" in text


def test_a_batch_of_one_shell_word(tmp_path):
    batch = Batch("odd", (sh("naïve µ", "echo µ"),), tmp_path / "a folder with 100% blanks")
    job = LocalRunner().submit(batch)
    assert kinds(job.wait()) == ["done"]
    assert "µ\n" in job.log("naïve µ")
