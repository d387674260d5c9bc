"""Geometries: nominal ones, files, and what they say of themselves."""

import shutil
from pathlib import Path

import extra_geom as eg
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beambook.detector import Geometry
from beambook.errors import DamagedFile, DataError, ParameterError, RunNotFound

DATA = Path(__file__).parent / "data"
LPD_QUADS = [(11.4, 299), (-11.5, 8), (254.5, -16), (278.5, 275)]
DSSC_QUADS = [(-130, 5), (-130, -125), (5, -125), (5, 5)]
KINDS = [("AGIPD1M", None), ("AGIPD500K", None), ("LPD1M", None), ("DSSC1M", None),
         ("JUNGFRAU", 1), ("JUNGFRAU", 3), ("JUNGFRAU", 8)]  # fmt: skip


@pytest.mark.parametrize(("kind", "modules"), KINDS)
class TestNominal:
    def test_says_so(self, kind, modules):
        geometry = Geometry.nominal(kind, modules)
        assert geometry.approximate
        assert geometry.title == "nominal geometry"
        assert "approximate" in geometry.card().text()
        assert geometry.kind == kind
        assert geometry.shape[0] == (modules or {"AGIPD500K": 8}.get(kind, 16))

    def test_no_tile_lies_on_another_and_the_beam_is_in_the_picture(self, kind, modules):
        geometry = Geometry.nominal(kind, modules)
        ones = geometry.assemble(np.ones(geometry.shape, "u1"))
        assert ones.sum() == np.prod(geometry.shape)
        for at, length in zip(geometry.centre, geometry.picture_shape, strict=True):
            assert 0.4 * length < at < 0.6 * length

    def test_written_and_read_again(self, kind, modules, tmp_path):
        geometry = Geometry.nominal(kind, modules)
        path = geometry.write(tmp_path / "refined.geom", clen=5.0, photon_energy=9300)
        assert [p.name for p in tmp_path.iterdir()] == ["refined.geom"]
        again = Geometry.read(path)
        assert (again.kind, again.title, again.approximate) == (kind, "refined.geom", False)
        np.testing.assert_allclose(again.positions, geometry.positions, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(-0.02, 0.02), min_size=48, max_size=48), st.floats(-3, 3))
def test_moved_and_turned_modules_survive_a_file(tmp_path_factory, shifts, angle):
    moved = eg.AGIPD_1MGeometry.example().offset(np.reshape(shifts, (16, 3)))
    moved = moved.rotate((0, 0, angle))
    path = tmp_path_factory.mktemp("geom") / "moved.geom"
    again = Geometry.read(Geometry.of(moved).write(path))
    np.testing.assert_allclose(again.positions, moved.get_pixel_positions(), atol=2e-8)


@pytest.mark.parametrize(
    ("name", "kind", "cls", "quads"),
    [
        ("lpd_mar_18.h5", "LPD1M", eg.LPD_1MGeometry, LPD_QUADS),
        ("dssc_geo_june19.h5", "DSSC1M", eg.DSSC_1MGeometry, DSSC_QUADS),
    ],
)
def test_files_of_real_beam_times(name, kind, cls, quads, tmp_path):
    geometry = Geometry.read(DATA / name, quad_positions=quads)
    assert geometry.kind == kind
    theirs = cls.from_h5_file_and_quad_positions(DATA / name, quads)
    np.testing.assert_array_equal(geometry.positions, theirs.get_pixel_positions())
    again = Geometry.read(geometry.write(tmp_path / "again.h5"))
    np.testing.assert_allclose(again.positions, geometry.positions, atol=1e-9)


class TestRefusals:
    def test_no_file(self, tmp_path):
        with pytest.raises(RunNotFound, match=r"no file .*nothing\.geom"):
            Geometry.read(tmp_path / "nothing.geom")

    @pytest.mark.parametrize("name", ["text.geom", "text.h5"])
    def test_no_geometry(self, tmp_path, name):
        path = tmp_path / name
        path.write_text("a shopping list\n")
        with pytest.raises((DamagedFile, DataError), match=name):
            Geometry.read(path)

    def test_cut_off(self, tmp_path):
        path = tmp_path / "cut.h5"
        path.write_bytes((DATA / "lpd_mar_18.h5").read_bytes()[:30_000])
        with pytest.raises(DamagedFile, match=r"cut\.h5"):
            Geometry.read(path, quad_positions=LPD_QUADS)

    def test_lines_are_missing(self, tmp_path):
        path = Geometry.nominal("AGIPD1M").write(tmp_path / "whole.geom")
        half = tmp_path / "half.geom"
        half.write_text("\n".join(line for line in path.read_text().splitlines()
                                  if not line.startswith("p15a7/")))  # fmt: skip
        with pytest.raises(DamagedFile, match="p15a7"):
            Geometry.read(half)
        with pytest.raises(DamagedFile, match="p15a7"):
            Geometry.read(half, kind="AGIPD1M")

    def test_panels_of_another_size(self, tmp_path):
        path = tmp_path / "epix.geom"
        eg.Epix100Geometry.example().write_crystfel_geom(str(path), nquads=1)
        with pytest.raises(DataError, match="4 panels of 352 × 384 pixels, of no detector"):
            Geometry.read(path)

    def test_quadrants_unsaid(self):
        with pytest.raises(DataError, match="where the quadrants are"):
            Geometry.read(DATA / "lpd_mar_18.h5")
        with pytest.raises(ParameterError, match="four pairs"):
            Geometry.read(DATA / "lpd_mar_18.h5", quad_positions=[(1, 2)])

    def test_existing_file_is_kept(self, tmp_path):
        path = shutil.copy(DATA / "lpd_mar_18.h5", tmp_path / "kept.h5")
        before = path.read_bytes()
        with pytest.raises(DataError, match="exists"):
            Geometry.nominal("LPD1M").write(path)
        assert path.read_bytes() == before
        Geometry.nominal("LPD1M").write(path, overwrite=True)
        assert path.read_bytes() != before

    def test_formats(self, tmp_path):
        geometry = Geometry.nominal("AGIPD1M")
        with pytest.raises(ParameterError, match=r"use \.geom"):
            geometry.write(tmp_path / "g.h5")
        with pytest.raises(ParameterError, match=r"\.geom or \.h5"):
            geometry.write(tmp_path / "g.json")
        with pytest.raises(ParameterError, match="clen"):
            Geometry.nominal("LPD1M").write(tmp_path / "g.h5", clen=3)
        assert not list(tmp_path.iterdir())

    def test_kinds(self):
        with pytest.raises(ParameterError, match="AGIPD1M"):
            Geometry.nominal("AGIPD2M")
        with pytest.raises(ParameterError, match="has 16 modules, not 4"):
            Geometry.nominal("LPD1M", 4)


class TestWhatItSays:
    def test_any_object_of_extra_geom(self):
        theirs = eg.Epix100Geometry.example()
        geometry = Geometry.of(theirs)
        assert geometry.extra_geom is theirs
        assert Geometry.of(geometry) is geometry
        assert geometry.title == "made in Python"
        assert (
            "704" in geometry.card().text() or geometry.shape[1:] == theirs.expected_data_shape[1:]
        )

    def test_centre_is_extra_geoms(self):
        theirs = eg.LPD_1MGeometry.example()
        centre = theirs.position_modules(np.zeros((16, 256, 256)))[1]
        assert Geometry.of(theirs).centre == tuple(centre)

    def test_jungfrau_counts_from_one(self):
        assert Geometry.nominal("JUNGFRAU", 2).modules == (1, 2)

    def test_q_is_braggs(self):
        """q = 2π/d where 2d sin θ = λ."""
        geometry = Geometry.nominal("AGIPD1M")
        distance, wavelength = 0.3, 1e-10
        found = geometry.q(distance=distance, wavelength=wavelength)
        assert found.attrs["units"] == "1/Å"
        x, y, _ = np.moveaxis(geometry.positions, -1, 0)
        theta = np.arctan(np.hypot(x, y) / distance) / 2
        d = wavelength / (2 * np.sin(theta))
        np.testing.assert_allclose(found, 2e-10 * np.pi / d, rtol=1e-9)

    def test_wavelength_and_photon_energy(self):
        geometry = Geometry.nominal("AGIPD500K")
        one = geometry.q(distance=1, photon_energy=12.398419843320026)
        np.testing.assert_allclose(one, geometry.q(distance=1, wavelength=1e-10), rtol=1e-14)

    @pytest.mark.parametrize(
        ("values", "what"),
        [
            ({"distance": 200, "wavelength": 1e-10}, "distance is in metres"),
            ({"distance": 1, "wavelength": 1.3}, "wavelength is in metres"),
            ({"distance": 1, "photon_energy": 9300}, "photon_energy is in keV"),
            ({"distance": 1}, "either wavelength"),
            ({"distance": 1, "wavelength": 1e-10, "photon_energy": 9}, "either wavelength"),
        ],
    )
    def test_other_units_are_found_out(self, values, what):
        with pytest.raises(ParameterError, match=what):
            Geometry.nominal("AGIPD500K").q(**values)
