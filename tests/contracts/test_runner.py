"""What every Runner has to promise, so that pipelines need not know where they run."""

import pytest

from beambook.errors import JobError
from beambook.jobs import Batch, Job, LocalRunner, Site, SlurmRunner, Task

HOLD = "until [ -e go ]; do sleep 0.05; done; echo x >> held"


def sh(name, script):
    return Task(name, ("/bin/sh", "-c", script))


class RunnerContract:
    """The promises. `runner` is ready to take batches."""

    @pytest.fixture
    def batch(self, tmp_path):
        tasks = (
            sh("good", "echo x >> good"),
            sh("bad", "echo x >> bad; [ -e go ]"),
            sh("held", HOLD),
        )
        end = sh("end", "echo x >> end; env")
        return Batch("three", tasks, tmp_path / "b", finish=end, directory=tmp_path)

    def test_from_the_start_to_the_end(self, runner, batch, tmp_path, monkeypatch):
        monkeypatch.setenv("OF_THE_SUBMITTER", "1")
        job = runner.submit(batch)
        assert [state.name for state in job.states()] == ["good", "bad", "held", "end"]
        while [state.state for state in job.states()[:2]] != ["done", "failed"]:
            job.wait(seconds=0.1)
        assert not (tmp_path / "end").exists()
        assert not job.states()[2].is_final
        with pytest.raises(JobError, match="still runs"):
            runner.submit(batch)
        again = Job.load(batch.folder)  # as another process would
        again.stop()
        again.stop()  # twice is no mistake
        states = again.wait()
        assert [state.state for state in states] == ["done", "failed", "stopped", "stopped"]
        assert states[1].exit == 1
        (tmp_path / "go").touch()
        states = runner.submit(batch).wait()
        assert [state.state for state in states] == ["done"] * 4
        assert all(state.started and state.ended >= state.started for state in states)
        written = {name: (tmp_path / name).read_text() for name in ("good", "bad", "held", "end")}
        assert written == {"good": "x\n", "bad": "x\nx\n", "held": "x\n", "end": "x\n"}
        assert "OF_THE_SUBMITTER" not in job.log("finish")
        assert runner.states(job) == states


class TestLocalRunner(RunnerContract):
    @pytest.fixture
    def runner(self):
        return LocalRunner(at_once=3)


class TestSlurmRunner(RunnerContract):
    @pytest.fixture
    def runner(self, slurm):
        return SlurmRunner(Site())
