"""NeXus files on the command line."""

from pathlib import Path

FILE = Path(__file__).parents[1] / "data" / "nexus" / "writer_2_1.hdf5"


def test_show_a_nexus_file(beambook):
    text = beambook("show", FILE).out
    assert "/entry/data/counts" in text
    assert "two_theta" in text
    assert beambook("show", FILE, "--json").json["facts"]["missing"].startswith("title")
    assert beambook("show", FILE, "instr*").code == 0


def test_check_a_nexus_file(beambook):
    answer = beambook("check", FILE, "--json")
    assert answer.code == 1
    assert answer.json["ok"] is False
    assert "no title" in answer.out
