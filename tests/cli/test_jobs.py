"""``beambook jobs``, ``log`` and ``stop``."""

import pytest

from beambook.jobs import Batch, LocalRunner, Task


@pytest.fixture
def make_job(beambook, tmp_path):
    def make(name, *scripts):
        tasks = tuple(Task(f"part {k}", ("/bin/sh", "-c", s)) for k, s in enumerate(scripts))
        return LocalRunner().submit(Batch("work", tasks, tmp_path / "executions" / name))

    return make


def test_jobs_and_their_tasks(beambook, make_job):
    assert "No jobs in executions" in beambook("jobs").out
    make_job("first-1", "echo hello").wait()
    make_job("second-2", "echo oh no; exit 3", "true").wait()
    assert beambook("jobs").out.split().count("done") >= 1
    assert [each["id"] for each in beambook("jobs", "--json").json] == ["second-2", "first-1"]
    assert "exit 3" in beambook("jobs", "second").out
    (document,) = [beambook("jobs", "newest", "--json").json]
    assert [task["exit"] for task in document["tasks"]] == [3, 0]
    assert beambook("jobs", "third").code == 2


def test_log(beambook, make_job):
    make_job("second-2", "echo fine", "echo oh no; exit 3").wait()
    assert "oh no" in beambook("log", "second").out
    assert "fine" in beambook("log", "second", "0").out
    assert "fine" in beambook("log", "second", "part 0", "--json").json["log"]
    assert "numbers 0 to 1" in beambook("log", "second", "7").err


def test_stop(beambook, make_job):
    job = make_job("long-3", "sleep 60")
    while job.states()[0].state != "running":
        job.wait(seconds=0.05)
    assert "Stopped: long-3" in beambook("stop", "long-3").out
    assert [state.state for state in job.wait()] == ["stopped"]
    assert beambook("stop", "long-3", "--json").json == [{"id": "long-3", "stopped": False}]


def test_site(beambook, tmp_path, monkeypatch):
    file = tmp_path / "site.toml"
    file.write_text('partition = "upex"\n')
    monkeypatch.setenv("BEAMBOOK_SITE", str(file))
    assert "upex" in beambook("jobs", "--site").out
    assert beambook("jobs", "--site", "--json").json["partition"] == "upex"
