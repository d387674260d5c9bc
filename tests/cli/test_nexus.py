"""NeXus files on the command line."""

from pathlib import Path

import h5py
import numpy as np

FILE = Path(__file__).parents[1] / "data" / "nexus" / "writer_2_1.hdf5"


def test_show_a_nexus_file(beambook):
    text = beambook("show", FILE).out
    assert "/entry/data/counts" in text
    assert "two_theta" in text
    assert beambook("show", FILE, "--json").json["facts"]["missing"].startswith("title")
    assert beambook("show", FILE, "instr*").code == 0


def test_what_a_nexus_file_need_not_say_is_no_fault(beambook):
    answer = beambook("check", FILE, "--json")
    assert answer.code == 0
    assert answer.json["ok"] is True
    assert "no title" in answer.out
    assert "points" in answer.json["facts"]["looked at"]
    assert "nothing wrong" in answer.json["facts"]["found"]


def test_check_says_what_is_broken_in_a_nexus_file(beambook, tmp_path):
    with h5py.File(tmp_path / "scan.nxs", "w") as file:
        file["entry/data/counts"] = np.arange(5)
        file["entry"].attrs["NX_class"] = "NXentry"
        file["entry/data"].attrs.update(NX_class="NXdata", signal="counts")
        file["entry/data/gone"] = h5py.SoftLink("/entry/nowhere")
    answer = beambook("check", tmp_path / "scan.nxs", "--json")
    assert answer.code == 1
    assert "broken link" in answer.out
    assert answer.json["facts"]["found"].startswith("1 kinds of fault")


def test_a_folder_of_nexus_files_names_the_command(beambook):
    answer = beambook("show", FILE.parent)
    assert answer.code != 0
    assert "beambook show " in answer.err
