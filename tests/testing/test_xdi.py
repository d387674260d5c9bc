"""Scans as people write them: every spelling gives the same spectrum, or a line that helps."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beambook.errors import DataError, NameNotFound, ParameterError, RunNotFound
from beambook.testing import make_run, read_xdi, shipped_scans
from beambook.testing._scan import find_edge

# An edge as numbers: arctangent step and white line at E0, on a falling background.
HEAD = "# XDI/1.1 GSE/1.0\n# Element.symbol:  Zr\n# Element.edge:  K\n# Mono.d_spacing: 3.13477\n"
I0 = 1.5e5


def spectrum(edge=17998.0, *, low=-150.0, high=600.0, width=2.0, step=1.2):
    """Energies as scans choose them, and µd."""
    offsets = np.unique(
        np.r_[np.arange(low, -20, 5), np.arange(-20, 40, 0.5), np.arange(40, high, 4)]
    )
    energy = edge + offsets
    rise = 0.5 + np.arctan(offsets / width) / np.pi
    line = 0.4 * np.exp(-(((offsets - 6) / 5) ** 2))
    return energy, step * (rise + line) + 0.3 * (edge / energy) ** 3 - 1.7


def rows(*columns, sep="  "):
    return "".join(sep.join(f"{x:.9g}" for x in row) + "\n" for row in zip(*columns, strict=True))


def transmission(head=HEAD, *, sep="  "):
    energy, mud = spectrum()
    columns = "# Column.1: energy eV\n# Column.2: i0\n# Column.3: itrans\n# ///\n# foil\n#----\n"
    return head + columns + rows(energy, np.full_like(energy, I0), I0 * np.exp(-mud), sep=sep)


def read(tmp_path, text, **options):
    path = tmp_path / "scan.xdi"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_xdi(path, **options)


def assert_is_spectrum(scan, *, within=1e-6):
    """The shape of `spectrum()`, moved to 0.2 before the edge."""
    energy, mud = spectrum()
    assert scan.energy == pytest.approx(energy, rel=1e-7)
    assert np.ptp(scan.absorbance - mud) < within
    before = (scan.edge_energy - energy > 20) & (scan.edge_energy - energy < 120)
    assert np.median(scan.absorbance[before]) == pytest.approx(0.2)


def test_shipped_scans_have_their_edges_where_tables_say():
    table = {"Cu": 8979, "Cu2S": 8979, "Fe": 7112, "Fe2O3": 7124, "Ni": 8333, "NiOH2": 8345}
    assert set(shipped_scans()) == set(table)
    for name, energy in table.items():
        scan = read_xdi(name)
        assert scan.edge_energy == pytest.approx(energy, abs=2.5)
        assert scan.element == name[:2]
        assert (scan.edge, scan.mode, scan.dropped) == ("K", "transmission", 0)
        near = (scan.energy > scan.edge_energy - 120) & (scan.energy < scan.edge_energy - 20)
        assert np.median(scan.absorbance[near]) == pytest.approx(0.2, abs=1e-9)


def test_shape_is_the_logarithm_of_the_intensities():
    scan = read_xdi("Ni")
    numbers = np.loadtxt(shipped_scans()["Ni"])
    shape = np.log(numbers[:, 1] / numbers[:, 2])
    assert np.ptp(scan.absorbance - shape) == pytest.approx(0, abs=1e-12)


def test_ordinary_file(tmp_path):
    scan = read(tmp_path, transmission())
    assert_is_spectrum(scan, within=1e-6)
    assert scan.edge_energy == pytest.approx(17998, abs=0.5)
    assert (scan.element, scan.edge) == ("Zr", "K")
    assert "Zr K" in scan.card().text()


SAME = {
    "windows line ends": lambda t: t.replace("\n", "\r\n"),
    "old Macintosh line ends": lambda t: t.replace("\n", "\r"),
    "byte order mark": lambda t: "\ufeff" + t,
    "latin-1": lambda t: t.replace("foil", "Mäß 3 µm").encode("latin-1"),
    "tabs": lambda t: transmission(sep="\t"),
    "commas": lambda t: transmission(sep=", "),
    "semicolons": lambda t: transmission(sep=";"),
    "capital names": lambda t: t.replace("i0", "I0").replace("itrans", "ITRANS"),
    "names of another beamline": lambda t: t.replace("i0", "Io").replace("itrans", "i1"),
    "units and process variables": lambda t: t.replace(
        "energy eV", "energy eV || 13BMA:E:Energy.VAL"
    ).replace("i0\n", "i0 counts || 13BMD:scaler1_calc2.VAL\n"),
    "no space after #": lambda t: t.replace("# ", "#"),
    "unit in the name": lambda t: t.replace("energy eV", "Energy(eV)"),
    "blank lines and a tail of comments": lambda t: (
        t.replace("#----\n", "#----\n\n\n") + "\n# end\n\n"
    ),
    "Fortran exponents": lambda t: re.sub(r"\n(\d)(\d{4})\.?(\d*) ", r"\n\1.\2\3D+04 ", t),
    "labels only": lambda t: HEAD + "# energy  i0  itrans\n" + t.split("#----\n")[1],
    "labels without #": lambda t: "energy,i0,itrans\n" + t.split("#----\n")[1],
    "numbers only": lambda t: t.split("#----\n")[1],
    "repeated fields": lambda t: t.replace(
        "# ///", "# ScanParameters.E0: 17\n# ScanParameters.E0: 18"
    ),
}


@pytest.mark.parametrize("spelling", SAME)
def test_spellings_of_the_same_scan(tmp_path, spelling):
    scan = read(tmp_path, SAME[spelling](transmission()))
    assert_is_spectrum(scan, within=1e-6)
    assert scan.mode == "transmission"
    assert scan.dropped == 0


def test_order_of_columns_and_unknown_columns(tmp_path):
    energy, mud = spectrum()
    junk = np.linspace(0, 1, len(energy))
    text = (
        HEAD + "# Column.1: counttime s\n# Column.2: itrans\n# Column.3: energy eV\n"
        "# Column.4: aux1\n# Column.5: i0\n# Column.9: far\n"
        + rows(junk, np.exp(-mud), energy, junk, np.ones_like(energy))
    )
    assert_is_spectrum(read(tmp_path, text), within=1e-6)


def test_columns_declared_in_part_are_completed_by_the_labels(tmp_path):
    text = transmission().replace("# Column.2: i0\n# Column.3: itrans\n", "")
    scan = read(tmp_path, text.replace("#----\n", "#----\n# E  I0  I1\n"))
    assert_is_spectrum(scan, within=1e-6)


def test_keV_and_angles(tmp_path):
    energy, mud = spectrum()
    columns = "# Column.2: mutrans\n"
    for text in (
        HEAD + "# Column.1: energy keV\n" + columns + rows(energy / 1000, mud),
        HEAD + "# Column.1: energy\n" + columns + rows(energy / 1000, mud),
        HEAD
        + "# Column.1: angle degrees\n"
        + columns
        + rows(np.rad2deg(np.arcsin(12398.41984 / (2 * 3.13477 * energy))), mud),
        HEAD
        + "# Column.1: angle radians\n"
        + columns
        + rows(np.arcsin(12398.41984 / (2 * 3.13477 * energy)), mud),
    ):
        scan = read(tmp_path, text)
        assert scan.energy == pytest.approx(energy, rel=1e-7)
        assert_is_spectrum(scan, within=1e-5)


def test_fluorescence_is_scaled_to_a_step_of_one(tmp_path):
    energy, mud = spectrum(2472.0, low=-22, high=200, width=0.5)
    text = (
        HEAD
        + "# Column.1: energy eV\n# Column.2: ifluor\n# Column.3: i0\n"
        + rows(energy, 3e4 * (mud + 2), np.full_like(energy, 1e5))
    )
    scan = read(tmp_path, text)
    assert scan.mode == "fluorescence"
    assert scan.edge_energy == pytest.approx(2472, abs=0.6)
    above = scan.absorbance[(energy > 2500) & (energy < 2570)]
    assert np.median(above) - scan.absorbance[0] == pytest.approx(1, abs=0.15)


def test_a_dead_transmission_detector_gives_way_to_fluorescence(tmp_path):
    energy, mud = spectrum()
    noise = 1e3 + np.random.default_rng(1).normal(0, 50, len(energy))
    text = (
        HEAD
        + "# Column.1: energy eV\n# Column.2: i0\n# Column.3: itrans\n# Column.4: ifluor\n"
        + rows(energy, np.full_like(energy, 1e5), noise, 1e4 * (mud + 2))
    )
    assert read(tmp_path, text).mode == "fluorescence"
    with pytest.raises(DataError, match="no absorption edge"):
        read(tmp_path, text, mode="transmission")
    with pytest.raises(ParameterError, match="mode"):
        read(tmp_path, text, mode="reflection")


def test_rows_without_light_or_numbers_are_counted(tmp_path):
    text = transmission() + "18700 0 5\n18704 150000 -3\n18708 nan 4\n18712 150000\nabort here !\n"
    scan = read(tmp_path, text)
    assert scan.dropped == 5
    assert len(scan.energy) == len(spectrum()[0])
    assert "5 rows" in scan.card().text()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), repeat=st.integers(1, 3))
def test_order_and_repetition_of_the_rows_do_not_matter(tmp_path_factory, seed, repeat):
    head, _, body = transmission().rpartition("#----\n")
    lines = body.splitlines(keepends=True) * repeat
    np.random.default_rng(seed).shuffle(lines)
    scan = read(tmp_path_factory.mktemp("scan"), head + "#----\n" + "".join(lines))
    assert_is_spectrum(scan, within=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    edge=st.floats(2000, 116_000),
    width=st.floats(0.3, 8),
    step=st.floats(0.1, 4),
    seed=st.integers(0, 100),
)
def test_edges_are_found_from_sulfur_to_uranium(edge, width, step, seed):
    energy, mud = spectrum(edge, width=width, step=step)
    mud += np.random.default_rng(seed).normal(0, 0.0005 * step, len(mud))
    mud[10] += 3  # a wild point does not make an edge
    assert find_edge(energy, mud) == pytest.approx(edge, abs=1.5 + width / 2)


BAD = {
    "empty": ("", "no table of numbers"),
    "prose": ("Dear colleague,\nhere is no data.\n", "no table of numbers"),
    "header only": (HEAD, "no table of numbers"),
    "binary": (b"\x89HDF\r\n\x1a\n\0\0\0", "not a text file"),
    "one column": ("1\n2\n3\n", "no table of numbers"),
    "few points": ("# Column.1: energy eV\n# Column.2: mutrans\n1 2\n3 4\n", "2 usable points"),
    "no energy": (
        transmission().replace("energy eV", "temperature K"),
        "no energy column, only temperature, i0, itrans",
    ),
    "angles without crystal": (
        transmission().replace("energy eV", "angle deg").replace("Mono.d_spacing", "Mono.crystal"),
        "Mono.d_spacing",
    ),
    "no absorption": (transmission().replace("itrans", "noise"), "no column of absorption"),
    "no light": (
        HEAD
        + "# Column.1: energy eV\n# Column.2: i0\n# Column.3: itrans\n"
        + rows(np.arange(99.0) + 7000, np.zeros(99), np.zeros(99)),
        "0 usable points; 99 rows",
    ),
    "exchanged": (
        transmission()
        .replace("Column.2: i0", "Column.2: itrans")
        .replace("Column.3: itrans", "Column.3: i0"),
        "exchanged",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_spectrum_is_refused_with_a_reason(tmp_path, case):
    text, says = BAD[case]
    with pytest.raises(DataError, match=says):
        read(tmp_path, text)


def test_columns_can_be_named_by_the_caller(tmp_path):
    text = transmission().replace("energy eV", "temperature K")
    scan = read(tmp_path, text, columns=("energy", "i0", "itrans"))
    assert scan.edge_energy == pytest.approx(17998, abs=0.5)


def test_missing_files_and_names(tmp_path):
    with pytest.raises(NameNotFound, match="'Ni'"):
        read_xdi("Nii")
    with pytest.raises(RunNotFound, match=r"nowhere\.xdi"):
        read_xdi(tmp_path / "nowhere.xdi")
    with pytest.raises(NameNotFound, match="Cu2S"):
        make_run(tmp_path / "r", spectrum="Cu2O")


def test_a_foreign_scan_goes_through_make_run(tmp_path):
    path = tmp_path / "zr.xdi"
    path.write_text(transmission())
    make_run(tmp_path / "r", spectrum=path, trains=3, pulses=2, truth=tmp_path / "truth.csv")
    text = (tmp_path / "truth.csv").read_text(encoding="utf-8")
    assert "# element: Zr K\n" in text
    first, last = (
        float(line.split(",")[0]) for line in text.splitlines()[-1:] + text.splitlines()[9:10]
    )
    assert first == pytest.approx(17998 + 90, abs=1)
    assert last == pytest.approx(17998 - 30, abs=1)
