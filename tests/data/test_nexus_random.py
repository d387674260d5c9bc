"""Files by any mixture of conventions show what was meant, with the right values on each axis."""

import h5py
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beambook.data import open_file

NAMES = ("energy", "two_theta", "x pos", "t")
TEXTS = {
    "str": lambda text: text,
    "bytes": lambda text: np.bytes_(text.encode()),
    "array of one": lambda text: np.array([text], object),
    "fixed": lambda text: np.array([text.encode()], "S32"),
}
LINKS = ("direct", "soft", "hard", "external")
CONVENTIONS = ("list", "list of bytes", "joined", "on signal", "marks", "indices", "canSAS")


@st.composite
def scans(draw):
    """What is in a file, and how it is written."""
    rank = draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(2, 7), min_size=rank, max_size=rank))
    convention = draw(st.sampled_from(CONVENTIONS))
    names = draw(st.permutations(NAMES))[:rank]
    if convention in ("joined", "on signal", "canSAS"):
        names = [name.replace(" ", "_") for name in names]
    return {
        "lengths": lengths,
        "names": names,
        "convention": convention,
        "edges": draw(st.lists(st.booleans(), min_size=rank, max_size=rank)),
        "separator": draw(st.sampled_from([":", ",", ", ", " "])),
        "brackets": draw(st.booleans()),
        "text": TEXTS[draw(st.sampled_from(sorted(TEXTS)))],
        "link": draw(st.sampled_from(LINKS)),
        "default": draw(st.booleans()),
        "signal": draw(st.sampled_from(["attribute", "mark"])),
        "errors": draw(st.booleans()),
        "decoys": draw(st.booleans()),
    }


def write(path, scan):
    """The file, and the values of each axis."""
    text, names, lengths = scan["text"], scan["names"], scan["lengths"]
    values = np.arange(np.prod(lengths), dtype="f8").reshape(lengths)
    axes = {
        name: np.linspace(0, 1 + place, length + edge)
        for place, (name, length, edge) in enumerate(
            zip(names, lengths, scan["edges"], strict=True)
        )
    }
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = text("NXentry")
        home = entry.create_group("instrument/detector")
        if scan["decoys"]:
            entry.create_group("another").attrs["NX_class"] = text("NXdata")
            entry["another/numbers"] = np.zeros(50)
            home.attrs["NX_class"] = text("NXdetector")
        data = entry.create_group("zdata")
        data.attrs["NX_class"] = text("NXdata")
        link(path, home, data, "n", values, scan["link"])
        for name, numbers in axes.items():
            link(path, home, data, name, numbers, scan["link"])
        if scan["errors"]:
            data["n_errors"] = values + 1
        if scan["default"]:
            file.attrs["default"], entry.attrs["default"] = text("entry"), text("zdata")
        say(data, scan)
    return values, axes


def link(path, home, data, name, values, how):
    if how == "direct":
        data[name] = values
        return
    if how == "external":
        with h5py.File(path.with_name("beside.h5"), "a") as beside:
            beside[name] = values
        data[name] = h5py.ExternalLink("beside.h5", f"/{name}")
        return
    home[name] = values
    data[name] = h5py.SoftLink(f"{home.name}/{name}") if how == "soft" else home[name]


def say(data, scan):
    """Say what is signal and axes; attributes of fields in another file are out of reach."""
    names, text, convention = scan["names"], scan["text"], scan["convention"]
    far = scan["link"] == "external"
    if scan["signal"] == "mark" and not far:
        data["n"].attrs["signal"] = 1
    else:
        data.attrs["signal"] = text("n")
    joined = scan["separator"].join(names)
    joined = f"[{joined}]" if scan["brackets"] else joined
    if convention == "list of bytes":
        data.attrs["axes"] = np.array([n.encode() for n in names])
    elif convention == "joined":
        data.attrs["axes"] = text(joined)
    elif convention == "on signal" and not far:
        data["n"].attrs["axes"] = text(joined)
    elif convention == "marks" and not far:
        for place, name in enumerate(names, 1):
            data[name].attrs.update(axis=place, primary=1)
    elif convention == "indices":
        for place, name in enumerate(names):
            data.attrs[f"{name}_indices"] = place
    elif convention == "canSAS":
        data.attrs["n_axes"] = text(joined)
    else:
        data.attrs["axes"] = names


@given(scan=scans())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_was_written_is_shown(tmp_path_factory, scan):
    path = tmp_path_factory.mktemp("random") / "scan.nxs"
    values, axes = write(path, scan)
    entry = open_file(path)
    array = entry.plottable()
    assert entry.default.problems == ()
    assert array.dims == tuple(axes)
    np.testing.assert_array_equal(array.values, values)
    for name, numbers in axes.items():
        if len(numbers) == array.sizes[name]:
            np.testing.assert_array_equal(array[name].values, numbers)
        else:
            np.testing.assert_array_equal(array[f"{name}_left"].values, numbers[:-1])
            np.testing.assert_array_equal(array[f"{name}_right"].values, numbers[1:])
    assert ("errors" in array.coords) == scan["errors"]
    source = entry["zdata"]
    np.testing.assert_array_equal(source["n"].ndarray(), values)
    picked = source["n"][1:].xarray()
    first = next(iter(axes))
    if not scan["edges"][0]:
        np.testing.assert_array_equal(picked[first].values, axes[first][1:])
