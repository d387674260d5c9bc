"""Trains of stored runs for programs that listen to the Karabo bridge (ZeroMQ).

Needs the package ``karabo-bridge``.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from socket import AF_INET
from typing import TYPE_CHECKING, Any
from warnings import warn

import click
import numpy as np
from psutil import net_if_addrs

from beambook.errors import MissingPackage
from beambook.extra_data.reader import H5File, RunDirectory
from beambook.extra_data.stacking import stack_detector_data

if TYPE_CHECKING:
    from beambook.extra_data.reader import DataCollection

__all__ = ["ZMQStreamer", "find_infiniband_ip", "serve_data", "serve_files"]

INFINIBAND = "ib0"
MODULE = re.compile(r"(?P<detector>.+)/(?:DET|CORR)/\d+CH")
DETECTORS = {"AGIPD1M": 16, "AGIPD500K": 8, "DSSC1M": 16, "LPD1M": 16, "LPD_SOLO": 1}
STACKED = ("image.data", "image.gain", "image.mask")
RATE_OVER = 10  # trains


def ZMQStreamer(  # noqa: N802 EXtra-data's class of this name
    port: int | str,
    sock: str = "REP",
    maxlen: int = 10,
    protocol_version: str = "2.2",
    dummy_timestamps: bool = False,  # noqa: FBT001, FBT002
) -> Any:
    """Give a ``karabo_bridge.ServerInThread`` on a TCP port; use that one instead."""
    warn("ZMQStreamer will go; use karabo_bridge.ServerInThread", DeprecationWarning, stacklevel=2)
    return _bridge("karabo_bridge").ServerInThread(
        f"tcp://*:{port}",
        sock=sock,
        maxlen=maxlen,
        protocol_version=protocol_version,
        dummy_timestamps=dummy_timestamps,
    )


def serve_files(
    path: str | Path,
    port: int | str,
    source_glob: str = "*",
    key_glob: str = "*",
    **kwargs: Any,
) -> None:
    """Send the trains of a run, one after another.

    Parameters
    ----------
    path : str or Path
        The folder of a run, or a file.
    port, **kwargs
        See `serve_data`.
    source_glob, key_glob : str
        Patterns of the sources and keys to send; fewer are sent faster.

    Raises
    ------
    MissingPackage
        ``karabo-bridge`` is not installed.
    """
    data = RunDirectory(str(path)) if Path(path).is_dir() else H5File(str(path))
    serve_data(data.select(source_glob, key_glob), port, **kwargs)


def serve_data(
    data: DataCollection,
    port: int | str,
    append_detector_modules: bool = False,  # noqa: FBT001, FBT002 EXtra-data's signature
    dummy_timestamps: bool = False,  # noqa: FBT001, FBT002
    use_infiniband: bool = False,  # noqa: FBT001, FBT002
    sock: str = "REP",
) -> None:
    """Send the trains of selected data, one after another.

    Parameters
    ----------
    data : DataCollection
    port : int or str
        A TCP port, or an address of ZeroMQ (``"ipc:///tmp/socket"``).
    append_detector_modules : bool
        Send the modules of a detector as one source, ``DETECTOR/DET/APPEND``.
    dummy_timestamps : bool
        Make up times where there are none, for listeners that insist on them.
    use_infiniband : bool
        Bind a port to the InfiniBand interface only, if there is one.
    sock : {"REP", "PUB", "PUSH"}
        Kind of socket.

    Raises
    ------
    MissingPackage
        ``karabo-bridge`` is not installed.
    """
    address = str(port)
    if address.isdigit():
        address = f"tcp://{find_infiniband_ip() if use_infiniband else '*'}:{port}"
    sender = _bridge("karabo_bridge.server").Sender(
        address, sock=sock, dummy_timestamps=dummy_timestamps
    )
    click.echo(f"Streamer started on: {sender.endpoint}")
    line, times = "", deque([time.monotonic()], RATE_OVER)
    trains = _iter_trains(data, merge_detector=append_detector_modules)
    for number, (train_id, train) in enumerate(trains, 1):
        sender.send(_without_objects(train))
        rate = len(times) / max(time.monotonic() - times[0], 1e-9)
        times.append(time.monotonic())
        line = f"Sent {number}/{len(data.train_ids)} trains - Train ID {train_id} - {rate:.1f} Hz"
        click.echo(f"{line}\r", nl=False)
    click.echo(line)
    # The bridge drops what is not sent yet when it closes; the last trains shall arrive.
    sender.server_socket.close(linger=-1)


def find_infiniband_ip() -> str:
    """Address of the InfiniBand interface; ``*`` (any) if there is none."""
    found = (a.address for a in net_if_addrs().get(INFINIBAND, ()) if a.family == AF_INET)
    return next(found, "*")


def _bridge(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingPackage(
            "Sending trains needs karabo-bridge", hint="pip install karabo-bridge"
        ) from error


Train = dict[str, dict[str, Any]]


def _iter_trains(
    data: DataCollection,
    merge_detector: bool = False,  # noqa: FBT001, FBT002
) -> Iterator[tuple[int, Train]]:
    """Trains, with the modules of detectors as one source if wanted."""
    for train_id, train in data.trains():
        if train:
            yield train_id, _merged(dict(train)) if merge_detector else dict(train)


def _merged(train: Train) -> Train:
    """The train with stacks in place of the modules; other keys are the first module's."""
    modules: dict[str, Train] = {}
    for source in train:
        module = MODULE.match(source)
        if module and any(name in source for name in DETECTORS):
            modules.setdefault(module["detector"], {})[source] = train[source]
    whole = {s: v for s, v in train.items() if not any(s in found for found in modules.values())}
    for detector, found in modules.items():
        name = f"{detector}/DET/APPEND"
        number = next(n for kind, n in DETECTORS.items() if kind in detector)
        first = next((keys for keys in found.values() if STACKED[0] in keys), None)
        if first is None:  # a train without images
            continue
        whole[name] = first | {
            key: stack_detector_data(found, key, modules=number, pattern=r"/(?:DET|CORR)/(\d+)CH")
            for key in STACKED
            if key in first
        }
        whole[name]["metadata"] = {**first["metadata"], "source": name}
    return whole


def _without_objects(train: Train) -> Train:
    """Less the texts in arrays, which the bridge cannot send, and their times."""
    return {source: _sendable(values) for source, values in train.items()}


def _sendable(values: dict[str, Any]) -> dict[str, Any]:
    texts = {k for k, v in values.items() if isinstance(v, np.ndarray) and v.dtype == object}
    times = {f"{k.removesuffix('.value')}.timestamp" for k in texts if k.endswith(".value")}
    return {key: value for key, value in values.items() if key not in texts | times}
