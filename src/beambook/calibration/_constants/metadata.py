"""``calibration_metadata.yml``: how a run was corrected and with what, in the facility's words.

The schema is that of the files which xfel-calibrate leaves beside corrected data; EXtra's
``CalibrationData.from_correction`` reads ours, and we read the facility's.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np
import yaml

from beambook.calibration._constants.constant import Constant
from beambook.calibration._constants.match import utc
from beambook.calibration._constants.record import put
from beambook.calibration._constants.source import MissingConstant, RetrievedConstants
from beambook.errors import DamagedFile, ParameterError, RunNotFound

__all__ = ["FILE_NAME", "Metadata", "read_metadata", "write_metadata"]

FILE_NAME = "calibration_metadata.yml"

_CONFIGURATION, _RETRIEVED = "calibration-configurations", "retrieved-constants"
_MISSING, _RUNTIME, _REPORT = "missing-constants", "runtime-summary", "report-path"


@dataclass(frozen=True)
class Metadata:
    """How a run was corrected.

    Attributes
    ----------
    retrieved : RetrievedConstants
        The constants that were used, and those that were missing.
    configuration : mapping of str to object
        Values of the notebook's parameters: ``{"run": 9, "common_mode": True}``; in the file they
        have dashes. The name of the detector, ``karabo_id``, is added.
    notebook : mapping of str to str
        ``title`` and ``author``.
    concurrency : mapping of str to object
        ``parameter``, ``default``, ``function``: what the work was spread over.
    runtime : mapping of str to object
        ``calibration-jobs`` and ``pipeline-steps``.
    report_path : str
    others : mapping of str to object
        What else the file says, under its names there; ``retrieved-constants`` has what stands
        there beside the modules.
    """

    retrieved: RetrievedConstants
    configuration: Mapping[str, Any] = field(default_factory=dict)
    notebook: Mapping[str, str] = field(default_factory=dict)
    concurrency: Mapping[str, Any] = field(default_factory=dict)
    runtime: Mapping[str, Any] = field(default_factory=dict)
    report_path: str = ""
    others: Mapping[str, Any] = field(default_factory=dict)


def write_metadata(path: str | Path, metadata: Metadata) -> Path:
    """Write the file, in one step: it is never seen half-written.

    Parameters
    ----------
    path : str or Path
        Of the file, or of its folder.
    metadata : Metadata

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ParameterError
        A value is nothing that YAML can hold.

    Examples
    --------
    >>> import tempfile
    >>> found = RetrievedConstants("SPB_DET_AGIPD1M-1", {"AGIPD00": {}})
    >>> path = write_metadata(tempfile.mkdtemp(), Metadata(found, {"rel_gain": True}))
    >>> read_metadata(path).configuration
    {'karabo_id': 'SPB_DET_AGIPD1M-1', 'rel_gain': True}
    """
    file = _file(path)
    content = {
        _CONFIGURATION: _dashed(
            {**metadata.configuration, "karabo_id": metadata.retrieved.detector}
        ),
        "concurrency": metadata.concurrency,
        "notebook": metadata.notebook,
        _REPORT: metadata.report_path,
        _RETRIEVED: {
            **{m: _of_module(c) for m, c in metadata.retrieved.items()},
            **metadata.others.get(_RETRIEVED, {}),
        },
        _MISSING: [vars(m) for m in metadata.retrieved.missing],
        _RUNTIME: metadata.runtime,
    }
    said = {name: value for name, value in content.items() if value or name == _RETRIEVED}
    whole = _plain({**_made_by(), **metadata.others, **said})
    put(file, yaml.dump(whole, Dumper=_Dumper, allow_unicode=True).encode())
    return file


def read_metadata(path: str | Path) -> Metadata:
    """Read the file, ours or the facility's.

    Parameters
    ----------
    path : str or Path
        Of the file, or of its folder.

    Raises
    ------
    RunNotFound
        There is no such file.
    DamagedFile
        It is no such file.
    """
    file = _file(path)
    try:
        content = yaml.load(file.read_bytes(), Loader=_Loader)  # noqa: S506 it is the safe one
        configuration = _underscored(content.pop(_CONFIGURATION))
        retrieved = _retrieved(content, str(configuration["karabo_id"]))
    except FileNotFoundError as error:
        raise RunNotFound(
            f"There is no file {file}", hint="It is written when constants are retrieved."
        ) from error
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"{file} does not tell which constants were used: {error}") from error
    return Metadata(
        retrieved,
        configuration,
        content.pop("notebook", {}),
        content.pop("concurrency", {}),
        content.pop(_RUNTIME, {}),
        content.pop(_REPORT, ""),
        content,
    )


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SafeDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_SafeDumper):  # type: ignore[misc, valid-type] # one of two
    """As the facility's files: no anchors for values that occur twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _file(path: str | Path) -> Path:
    return Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)


def _made_by() -> dict[str, Any]:
    return {
        "beambook-version": version("beambook"),
        "python-environment": {"path": sys.executable, "python-version": python_version()},
    }


def _of_module(constants: Mapping[str, Constant]) -> dict[str, Any]:
    units = {c.physical_name for c in constants.values()}
    if len(units) > 1:
        raise ParameterError(f"Constants of one module are those of {len(units)}: {sorted(units)}")
    described = {name: _described(constant) for name, constant in constants.items()}
    return {"constants": described, "physical-name": next(iter(units), "")}


def _described(constant: Constant) -> dict[str, Any]:
    about = {
        "path": str(constant.path),
        "dataset": constant.dataset,
        "creation-time": constant.begin.isoformat(),
        "ccv_id": constant.id,
    }
    return {**about, "sha256": constant.sha256} if constant.sha256 else about


def _retrieved(content: dict[str, Any], detector: str) -> RetrievedConstants:
    stored = content.pop(_RETRIEVED)
    beside = {name: value for name, value in stored.items() if "constants" not in value}
    if beside:  # the facility's files may have a summary of times here
        content[_RETRIEVED] = beside
    modules = {
        module: {
            name: _constant(name, about, detector, module, found["physical-name"])
            for name, about in found["constants"].items()
        }
        for module, found in stored.items()
        if module not in beside
    }
    missing = tuple(MissingConstant(**m) for m in content.pop(_MISSING, ()))
    return RetrievedConstants(detector, modules, missing)


def _constant(
    name: str, about: Mapping[str, Any], detector: str, module: str, unit: str
) -> Constant:
    begin = about["creation-time"]
    return Constant(
        name,
        detector,
        module,
        unit,
        Path(about["path"]),
        about["dataset"],
        int(about.get("ccv_id") or 0),
        utc(begin if isinstance(begin, datetime) else str(begin)),
        sha256=about.get("sha256", ""),
    )


def _dashed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in values.items()}


def _underscored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in values.items()}


def _plain(value: Any) -> Any:
    """The same in the types that YAML has."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (Path, timedelta)):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float, date)):
        return value
    raise ParameterError(f"{value!r} cannot be written to {FILE_NAME}")
