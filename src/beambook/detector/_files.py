"""Files of geometries: CrystFEL's .geom, and the European XFEL's HDF5 for LPD and DSSC."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py
from cfel_fmt.geometry import load_crystfel_geometry

from beambook.detector._kinds import KINDS, GeometryKind, kind_named
from beambook.errors import BeambookError, DamagedFile, DataError, ParameterError, RunNotFound

__all__ = ["read_geometry", "write_geometry"]

QuadPositions = Sequence[tuple[float, float]]
HDF5 = (".h5", ".hdf5")


def read_geometry(
    path: Path, kind: str | None = None, quad_positions: QuadPositions | None = None
) -> Any:
    """EXtra-geom's object from a file; see `Geometry.read`."""
    if not path.exists():
        raise RunNotFound(f"There is no file {path}")
    try:
        if path.suffix in HDF5:
            return _from_hdf5(path, kind, quad_positions)
        if quad_positions is not None:
            raise ParameterError(f"{path.name} says itself where the quadrants are")
        return _from_crystfel(path, kind)
    except BeambookError:
        raise
    except Exception as error:  # cfel_fmt raises just that; of a cut file h5py many kinds
        raise DamagedFile(f"{path} is no geometry that can be read: {error}") from error


def _from_crystfel(path: Path, kind: str | None) -> Any:
    if kind is None:
        found = _kind_of_panels(load_crystfel_geometry(path).detector["panels"], path)
    else:
        found = kind_named(kind)
    return found.geometry.from_crystfel_geom(str(path))


def _kind_of_panels(panels: dict[str, Any], path: Path) -> GeometryKind:
    """The kind whose tiles have the size of the panels, and which has as many."""
    sizes = Counter(
        (p["orig_max_ss"] - p["orig_min_ss"] + 1, p["orig_max_fs"] - p["orig_min_fs"] + 1)
        for p in panels.values()
    )
    for kind in KINDS:
        number = sizes.get(kind.tile_shape, 0)
        per_module = kind.geometry.n_tiles_per_module
        whole = getattr(kind.geometry, "n_modules", 0) * per_module
        if number == len(panels) and (number == whole or (not whole and not number % per_module)):
            return kind
    (height, width), number = max(sizes.items(), key=lambda item: item[1], default=((0, 0), 0))
    raise DataError(
        f"{path.name} has {number} panels of {height} × {width} pixels, of no detector known here",
        hint=f"Say which: kind={KINDS[0].name!r}, ….",
    )


def _from_hdf5(path: Path, kind: str | None, quad_positions: QuadPositions | None) -> Any:
    with h5py.File(path, "r") as file:
        tiles = sum(name.startswith("T") for name in file["Q1/M1"])
        positions_inside = "Q1/Position" in file
    found = kind_named(kind or {16: "LPD1M", 2: "DSSC1M"}.get(tiles, f"with {tiles} tiles"))
    if not hasattr(found.geometry, "from_h5_file"):
        raise ParameterError(f"Geometries of {found.name} are not kept in HDF5 files")
    if quad_positions is not None:
        if len(quad_positions) != 4 or any(len(xy) != 2 for xy in quad_positions):
            raise ParameterError("quad_positions are four pairs of x and y, in millimetres")
        return found.geometry.from_h5_file_and_quad_positions(str(path), quad_positions)
    if not positions_inside:
        raise DataError(
            f"{path.name} does not say where the quadrants are",
            hint="Give quad_positions=[(x, y), …], in millimetres.",
        )
    return found.geometry.from_h5_file(str(path))


def write_geometry(extra_geom: Any, path: Path, *, overwrite: bool, **fields: Any) -> None:
    """Write a file beside its place, then move it there; see `Geometry.write`."""
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists", hint="Pass overwrite=True to replace it.")
    write = _writer(extra_geom, path, fields)
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}{path.suffix}")
    known_as = extra_geom.filename
    try:
        write(str(beside))
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
        extra_geom.filename = known_as  # EXtra-geom would call it after the temporary file


def _writer(extra_geom: Any, path: Path, fields: dict[str, Any]) -> Callable[[str], Any]:
    if path.suffix == ".geom":
        return lambda name: extra_geom.write_crystfel_geom(name, **fields)
    if path.suffix not in HDF5:
        raise ParameterError(f"Geometries are written to .geom or .h5, not {path.name}")
    if fields:
        raise ParameterError(f"{', '.join(fields)}: fields of CrystFEL files only")
    if not hasattr(extra_geom, "to_h5_file_and_quad_positions"):
        raise ParameterError("Only LPD1M and DSSC1M are written to HDF5; use .geom")
    writer: Callable[[str], Any] = extra_geom.to_h5_file_and_quad_positions
    return writer
