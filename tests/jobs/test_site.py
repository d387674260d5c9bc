"""The site file, and reading what Slurm says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beambook.errors import ParameterError, ParameterNotFound, RunNotFound
from beambook.jobs import Site
from beambook.jobs._slurm_command import CommandFailed
from beambook.jobs._slurm_queue import Said, _said, in_words
from beambook.jobs._slurm_script import as_ranges, from_ranges
from beambook.jobs._slurm_submit import sbatch

FULL = """
partition = "upex"
account = "da"
memory = "8G"
time = "1:30:00"
cores = 4
preamble = '''
source /etc/profile.d/modules.sh
module load exfel
'''
sbatch = ["--constraint=v100"]
at_once = 20
min_task_seconds = "1m"
"""


@pytest.fixture
def site_file(tmp_path, monkeypatch):
    def write(text):
        file = tmp_path / "site.toml"
        file.write_text(text)
        monkeypatch.setenv("BEAMBOOK_SITE", str(file))
        return file

    return write


def test_all_that_it_can_say(site_file):
    file = site_file(FULL)
    site = Site.load()
    assert (site.memory, site.time, site.cores) == (8 << 30, 5400.0, 4)
    assert (site.min_task_seconds, site.sbatch, site.path) == (60.0, ("--constraint=v100",), file)
    assert "module load exfel" in site.preamble
    assert "upex" in site.card().text()
    assert site.line_of("memory") == f'Change line 4 of {file}: memory = "8G"'


def test_nothing_is_needed(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("BEAMBOOK_SITE", raising=False)
    assert Site.load().partition == ""
    assert Site.load().min_task_seconds == 30.0
    assert "~/.config/beambook/site.toml" in Site().line_of("partition")


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("partiton = 'upex'", ParameterNotFound, "did you mean 'partition'"),
        ("memory = 'much'", ParameterError, "memory = 'much'"),
        ("time = '0'", ParameterError, "more than 0 s"),
        ("cores = 0", ParameterError, "a number from 1"),
        ("sbatch = '-x'", ParameterError, "list of texts"),
        ("partition = 3", ParameterError, "this is a text"),
        ("partition = ", ParameterError, "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(site_file, text, error, said):
    site_file(text)
    with pytest.raises(error, match=said):
        Site.load()


def test_a_file_that_is_not_there(monkeypatch):
    monkeypatch.setenv("BEAMBOOK_SITE", "/nowhere/site.toml")
    with pytest.raises(RunNotFound, match=r"BEAMBOOK_SITE"):
        Site.load()


@given(st.sets(st.integers(0, 5000)))
def test_ranges_are_read_back(numbers):
    assert from_ranges(as_ranges(numbers)) == sorted(numbers)


@pytest.mark.parametrize(
    ("state", "code", "ours"),
    [
        ("CANCELLED by 1001", "0:0", "stopped"),
        ("OUT_OF_MEMORY", "0:125", "failed"),
        ("TIMEOUT", "0:1", "failed"),
        ("NODE_FAIL", "", "lost"),
        ("PREEMPTED", "0:15", "lost"),
        ("COMPLETED", "0:0", "lost"),  # and its task has said nothing
        ("RUNNING", "", "running"),
        ("", "", "lost"),
        ("OF_NEXT_YEAR+", "x", "lost"),
    ],
)
def test_states_of_slurm(state, code, ours):
    word, reason = in_words(_said(state, code, "None assigned"))
    assert word == ours
    assert reason or ours == "running"


def test_an_unknown_reason_is_shown_as_it_is():
    assert in_words(Said("PENDING", "QOSMaxGRESPerUser")) == ("queued", "QOSMaxGRESPerUser")


def test_where_slurm_does_not_answer(monkeypatch, tmp_path):
    sbatch_here = tmp_path / "sbatch"
    sbatch_here.write_text("#!/bin/sh\necho Could not establish a configuration source >&2\nexit 1")
    sbatch_here.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(CommandFailed, match=r"python -m beambook\.testing slurm"):
        sbatch("job.sh", site=Site())


def test_where_there_is_no_slurm(monkeypatch, tmp_path):
    monkeypatch.setattr("beambook.jobs._slurm_command.PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandFailed, match="Submit from a node of the cluster"):
        sbatch("job.sh", site=Site())
