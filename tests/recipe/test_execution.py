"""Executions on disk: read back by folder, by id, by the beginning of an id."""

import json
import os
import subprocess

import psutil
import pytest

from beambook.errors import DamagedFile, RunNotFound
from beambook.recipe import Execution


@pytest.fixture
def write(tmp_path):
    """Write the record of an execution that ended well, or as `changes` say."""

    def write(name, **changes):
        record = {
            "id": name, "status": "done", "recipe": {"name": "xas", "title": "Absorption"},
            "values": {"run": 9}, "created": "2026-07-01T12:00:00.000+02:00", "started": None,
            "seconds": 1.5, "peak_memory": 200_000_000, "host": os.uname().nodename,
            "pid": os.getpid(), "process_started": psutil.Process().create_time(),
            "cells": [{"index": 1, "heading": "A", "status": "done", "seconds": 1.0}],
            "inputs": [{"path": "/data/r0009"}],
            "outputs": [{"name": "a.csv", "size": 3, "sha256": "ab" * 32}],
            "results": {"edge": {"name": "edge", "value": 8333.5, "unit": "eV"}}, "error": None,
        }  # fmt: skip
        folder = tmp_path / "executions" / name
        folder.mkdir(parents=True)
        (folder / "execution.json").write_text(json.dumps(record | changes))
        return folder

    return write


def test_loaded_by_folder_file_id_and_beginning(write, tmp_path):
    folder = write("xas-20260701-120000-ab12")
    write("xas-20260702-120000-cd34")
    root = tmp_path / "executions"
    found = [
        Execution.load(folder),
        Execution.load(folder / "execution.json"),
        Execution.load("xas-20260701-120000-ab12", root=root),
        Execution.load("xas-20260701", root=root),
    ]
    assert {execution.path for execution in found} == {folder}


def test_beginning_of_several_and_of_none(write, tmp_path):
    write("xas-20260701-120000-ab12")
    write("xas-20260702-120000-cd34")
    root = tmp_path / "executions"
    with pytest.raises(RunNotFound, match=r"2 executions.*xas-20260702"):
        Execution.load("xas", root=root)
    with pytest.raises(RunNotFound, match="Others are xas-20260701-120000-ab12"):
        Execution.load("xas-20260701-120000-ab13", root=root)
    with pytest.raises(RunNotFound, match="none at all"):
        Execution.load("xas", root=tmp_path / "nowhere")
    with pytest.raises(RunNotFound):
        Execution.load("", root=root)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": 1}', "\x00"])
def test_damaged_record(tmp_path, content):
    (tmp_path / "execution.json").write_text(content)
    with pytest.raises(DamagedFile, match="no record of an execution"):
        Execution.load(tmp_path)


@pytest.mark.parametrize("status", ["queued", "running"])
def test_what_was_abandoned_is_killed(write, status):
    with subprocess.Popen(["true"]) as gone:
        pass
    execution = Execution.load(write("a", status=status, pid=gone.pid))
    assert execution.status == "killed"
    assert execution.error["name"] == "Abandoned"
    reused = Execution.load(write("b", status=status, pid=1))  # another process has it now
    assert reused.status == "killed"


@pytest.mark.parametrize("changes", [{}, {"host": "elsewhere", "pid": 1 << 22}])
def test_what_may_be_running_is_running(write, changes):
    assert Execution.load(write("a", status="running", **changes)).status == "running"


def test_card(write):
    execution = Execution.load(write("xas-1"))
    card = execution.card()
    assert len(card.facts) <= 8
    for words in ("done", "run=9", "200 MB", "8333.5", "a.csv", "/data/r0009"):
        assert words in card.text()
    assert "<table>" in execution._repr_html_()
    assert execution.seconds == 1.5
    assert execution.cells[0].heading == "A"
    assert execution.outputs[0]["size"] == 3


def test_error_line(write):
    error = {"name": "ValueError", "value": "bad\nworse", "cell": 3, "heading": "Fit"}
    execution = Execution.load(write("a", status="failed", error=error))
    assert execution.error_line == "cell 4 (Fit): ValueError: bad"
    assert "cell 4 (Fit)" in execution.card().text()
    assert Execution.load(write("b")).error_line == ""
