# ruff: noqa: B905 this runs in kernels of Python 3.7, too
"""What a figure or a table is made of, stored beside its picture as numbers.

The text of this file is executed in kernels of any environment, so it imports
nothing but the standard library of Python 3.7 (numpy, Matplotlib and pandas are there when
there is something of theirs to describe), knows nothing of beambook, leaves
every option as the user set it, and never raises into a notebook. That is also why
it is one file and not four.

Formats, all JSON (see docs/explanation/comparison.md):

``application/vnd.beambook.figure+json``
    ``{"version", "library", "arrays": [...], "axes": [...], "texts": [...]}``;
    artists refer to ``arrays`` by number.
``application/vnd.dataresource+json``
    Table Schema with numbers at full precision; long tables keep head and tail
    and one array per column.
``application/vnd.beambook.values+json``
    numpy arrays and xarray objects that are in memory.

An array is ``{"shape", "dtype", "crc"}`` with either ``"f8"`` (base64 of little-endian
doubles) or, when it is too large, per block of ``"block"`` neighbours the ``"mean"``,
the ``"weighted"`` mean with weights ½ + frac(0.618…·i) and the ``"size"``, the mean of
the moduli. Any one value that moves by 1 % moves both means of its block by at least
0.5 %/block, which is far more than rounding does; the weights see values that changed places.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
import zlib
from base64 import b64encode
from typing import Any

FIGURE = "application/vnd.beambook.figure+json"
TABLE = "application/vnd.dataresource+json"
VALUES = "application/vnd.beambook.values+json"

LIMIT = 100_000  # characters of one fingerprint
BUDGET = 78_000  # … of which arrays
ITEMS = 40  # artists of one kind in one axes; more are pooled
CELLS = 4_000  # of a table that is stored whole
EDGE_ROWS = 20
TEXT = 300
GOLDEN = 0.6180339887498949
_PASSING = re.compile(r"0x[0-9a-f]{9,16}|(?:/[^\s/]+)+/")  # addresses, folders: not in a checksum


def install(shell: Any = None) -> bool:
    """Register with the formatters of this kernel's IPython; False where there is none."""
    try:
        if shell is None:
            shell = sys.modules["IPython"].get_ipython()
        formatter = shell.display_formatter.mimebundle_formatter
        for module, name, describe in _TYPES:
            formatter.for_type_by_name(module, name, _quietly(describe))
    except Exception:
        return False
    return True


def _quietly(describe: Any) -> Any:
    def bundle(thing: Any, include: Any = None, exclude: Any = None) -> Any:
        data, metadata = _own_bundle(thing, include, exclude)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                data = {**data, **describe(thing)}
        except Exception as error:
            # The picture must come out whatever happens here; the comparison says what it lacks.
            metadata = {**metadata, "beambook": {"fingerprint": type(error).__name__}}
        return data, metadata

    return bundle


def _own_bundle(thing: Any, include: Any, exclude: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    own = getattr(thing, "_repr_mimebundle_", None)
    made = own(include=include, exclude=exclude) if callable(own) else {}
    data, metadata = made if isinstance(made, tuple) else (made, {})
    return dict(data or {}), dict(metadata or {})


# Arrays


class Store:
    """The arrays of one fingerprint, each kept once, packed into a budget at the end."""

    def __init__(self) -> None:
        self.arrays: list[Any] = []
        self.heads: list[dict[str, Any]] = []
        self._known: dict[tuple[Any, ...], int] = {}

    def add(self, values: Any) -> int:
        """Keep `values`; returns their number."""
        array, head = _as_numbers(values)
        key = (head["dtype"], *head["shape"], head["crc"])
        if key not in self._known:
            self._known[key] = len(self.arrays)
            self.arrays.append(array)
            self.heads.append(head)
        return self._known[key]

    def pack(self, budget: int) -> list[dict[str, Any]]:
        """All arrays as JSON in about `budget` characters."""
        limit = _fair_share([a.size for a in self.arrays], budget * 3 // 32)
        return [{**head, **_pack(array, limit)} for array, head in zip(self.arrays, self.heads)]


def pack_one(values: Any, limit: int) -> dict[str, Any]:
    """One array as JSON, whole when it has at most `limit` numbers."""
    array, head = _as_numbers(values)
    return {**head, **_pack(array, limit)}


def _fair_share(sizes: list[int], total: int) -> int:
    """Largest limit such that arrays cut to it have `total` numbers together."""
    left, limit = total, 16
    for position, size in enumerate(sorted(sizes)):
        limit = max(16, left // (len(sizes) - position))
        if size > limit:
            break
        left -= size
        limit = max(limit, size)
    return limit


def _as_numbers(values: Any) -> tuple[Any, dict[str, Any]]:
    """An array of plain numbers and its head; dates as seconds, NaN where masked."""
    import numpy as np

    array = np.ma.asarray(values)
    kind = array.dtype.kind
    if kind == "O":
        array = np.ma.asarray(array, dtype=float)
    elif kind in "mM":
        missing = np.isnat(array.data) | np.ma.getmaskarray(array)
        seconds = array.data.astype(array.dtype.str[:2] + "8[ns]").astype("i8") / 1e9
        array = np.ma.masked_array(seconds, missing)
    elif kind not in "biufc":
        raise TypeError(f"{array.dtype} is not a number")
    plain: Any = array.data
    if np.ma.getmaskarray(array).any():
        plain = np.ma.filled(array.astype("c16" if kind == "c" else "f8"), np.nan)
    plain = np.ascontiguousarray(plain)
    head = {"shape": list(plain.shape), "dtype": kind + str(array.dtype.itemsize)}
    if plain.dtype.kind == "c":
        plain = np.stack([plain.real, plain.imag], axis=-1)
    head["crc"] = zlib.crc32(memoryview(plain.reshape(-1)).cast("B")) if plain.size else 0
    return plain.reshape(-1), head


def _pack(flat: Any, limit: int) -> dict[str, Any]:
    if flat.size <= limit:
        return {"f8": _base64(flat, "<f8")}
    return _blocks(flat, max(4, limit * 2 // 5))


def _blocks(flat: Any, blocks: int) -> dict[str, Any]:
    """Means of neighbours: `blocks` of them at most."""
    import numpy as np

    length = -(-flat.size // blocks)
    weights = 0.5 + (np.arange(length) * GOLDEN) % 1.0
    step = max(1, 2**20 // length) * length
    rows = []
    bad = 0
    mask = 0
    for start in range(0, flat.size, step):
        part = np.array(flat[start : start + step], dtype="f8")
        part = np.pad(part, (0, -part.size % length)).reshape(-1, length)
        wrong = ~np.isfinite(part)
        if wrong.any():
            bad += int(wrong.sum())
            mask = zlib.crc32(np.packbits(wrong).tobytes(), mask)
            part[wrong] = 0
        rows.append((part.mean(1), (part * weights).mean(1), np.abs(part).mean(1)))
    mean, weighted, size = (np.concatenate(column) for column in zip(*rows))
    packed = {
        "block": length,
        "mean": _base64(mean, "<f8"),
        "weighted": _base64(weighted, "<f8"),
        "size": _base64(size, "<f4"),
    }
    return {**packed, "bad": [bad, mask]} if bad else packed


def _base64(array: Any, dtype: str) -> str:
    return b64encode(array.astype(dtype).tobytes()).decode("ascii")


# Figures


def figure(fig: Any) -> dict[str, Any]:
    """MIME bundle of a ``matplotlib.figure.Figure``."""
    if not fig.axes and not fig.get_children()[1:]:
        return {}
    store = Store()
    document: dict[str, Any] = {"version": 1, "library": _library("matplotlib")}
    document["axes"] = [_axes(axes, store) for axes in _all_axes(fig)]
    own = [a for a in fig.get_children() if a is not fig.patch and not _is(a, *_ELSEWHERE)]
    document["artists"] = _artists(own, store)
    document["texts"] = _figure_texts(fig)
    for budget in (BUDGET, BUDGET // 2, BUDGET // 8):
        document["arrays"] = store.pack(budget)
        if len(json.dumps(document)) <= LIMIT:
            return {FIGURE: document}
    return {FIGURE: _shortened(document)}


def _shortened(document: dict[str, Any]) -> dict[str, Any]:
    """Only as many axes as fit, and the sum of all that does not."""
    whole = json.dumps(document, sort_keys=True)
    crc = zlib.crc32(whole.encode())
    rest = {k: v for k, v in document.items() if k in ("version", "library", "texts")}
    rest["cut"] = {"characters": len(whole), "crc": crc, "axes": len(document["axes"])}
    return {**rest, "arrays": [], "axes": [], "artists": []}


def _library(name: str) -> str:
    return f"{name} {getattr(sys.modules.get(name), '__version__', '?')}"


def _is(artist: Any, *names: str) -> bool:
    return any(cls.__name__ in names for cls in type(artist).__mro__)


_ELSEWHERE = ("Axes", "SubFigure", "Legend", "Text")  # described by others than _artists


def _all_axes(fig: Any) -> list[Any]:
    found = []
    waiting = list(fig.axes)
    while waiting:
        axes = waiting.pop(0)
        if axes not in found and axes.get_visible():
            found.append(axes)
            waiting.extend(getattr(axes, "child_axes", ()))
    return found


def _figure_texts(fig: Any) -> list[str]:
    texts = [_text(t) for t in fig.texts]
    texts += [_text(t) for legend in fig.legends for t in legend.get_texts()]
    for name in ("_suptitle", "_supxlabel", "_supylabel"):
        part = getattr(fig, name, None)
        if part is not None and part not in fig.texts:
            texts.append(_text(part))
    for sub in getattr(fig, "subfigs", ()):
        texts += _figure_texts(sub)
    return [t for t in texts if t]


def _text(text: Any) -> str:
    return _cut(text.get_text())


def _cut(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[:TEXT]}… {zlib.crc32(text.encode()):08x}"


def _axes(axes: Any, store: Store) -> dict[str, Any]:
    titles = [axes.get_title(loc=where) for where in ("left", "center", "right")]
    described: dict[str, Any] = {
        "kind": axes.name,
        "title": [_cut(title) for title in titles if title],
        "axis": {name: _axis(axes, name) for name in "xyz" if hasattr(axes, f"{name}axis")},
    }
    described["place"] = _grid(axes)
    bar = getattr(axes, "_colorbar", None)
    if bar is not None and getattr(bar, "mappable", None) is not None:
        described["kind"] = "colour bar"
        return described
    described["artists"] = _artists(_own_artists(axes), store)
    legend = axes.get_legend()
    if legend is not None:
        title = legend.get_title()
        described["legend"] = [t for t in map(_text, [title, *legend.get_texts()]) if t]
    if hasattr(axes, "elev"):
        described["view"] = [float(axes.elev), float(axes.azim)]
    return described


def _grid(axes: Any) -> str:
    """Where the axes are among others: ``2 × 3, 4``; empty where they were put by hand."""
    spec = axes.get_subplotspec() if hasattr(axes, "get_subplotspec") else None
    if spec is None:
        return ""
    if hasattr(spec, "get_topmost_subplotspec"):
        spec = spec.get_topmost_subplotspec()  # a colour bar divides the place of its axes
    rows, columns, first, last = spec.get_geometry()
    return f"{rows} × {columns}, {first}" + (f" to {last}" if last not in (None, first) else "")


def _own_artists(axes: Any) -> list[Any]:
    skip = [axes.patch, axes.title, *axes.spines.values(), *getattr(axes, "child_axes", ())]
    skip += [getattr(axes, f"_{side}_title", None) for side in ("left", "right")]
    return [a for a in axes.get_children() if a not in skip and not _is(a, "Axis", "Legend")]


def _axis(axes: Any, name: str) -> dict[str, Any]:
    axis = getattr(axes, f"{name}axis")
    limits = [float(v) for v in getattr(axes, f"get_{name}lim")()]
    described = {"label": _text(axis.label), "scale": axis.get_scale(), "limits": limits}
    names = getattr(axis.units, "_mapping", None)
    if isinstance(names, dict):
        described["names"] = [_cut(str(each)) for each in names][:200]
    labels = getattr(axis.get_major_formatter(), "seq", None)
    if labels:
        described["ticks"] = [_cut(str(each)) for each in labels][:200]
    return described


def _artists(artists: list[Any], store: Store) -> list[dict[str, Any]]:
    groups: dict[str, list[Any]] = {}
    for artist in artists:
        if artist.get_visible():
            kind = "rectangle" if _sides(artist) else _kind(artist)
            groups.setdefault(kind, []).append(artist)
    described = []
    for kind, members in groups.items():
        if kind == "rectangle":
            described += _rectangles(members, store)
        elif kind in _DESCRIBE:
            described += _group(kind, members, store)
        else:
            described.append({"kind": kind, "count": len(members)})
    return described


def _kind(artist: Any) -> str:
    for name, kind in _KINDS:
        if _is(artist, name):
            return kind
    return type(artist).__name__


_KINDS = (
    ("Annotation", "text"),
    ("Text", "text"),
    ("Line2D", "line"),
    ("Rectangle", "rectangle"),
    ("Patch", "patch"),
    ("Collection", "collection"),
    ("ContourSet", "collection"),
    ("_ImageBase", "image"),
    ("Table", "table"),
    ("AnchoredOffsetbox", "box"),
    ("OffsetBox", "box"),
    ("AnnotationBbox", "box"),
)


def _group(kind: str, members: list[Any], store: Store) -> list[dict[str, Any]]:
    """One entry for each member, or one for all when they are many."""
    entries = []
    for member in members:
        try:
            fields = _DESCRIBE[kind](member)
        except Exception as error:
            fields = {"unread": f"{type(member).__name__}: {type(error).__name__}"}
        if fields:
            entries.append({"kind": kind, **fields})
    if len(entries) > ITEMS:
        entries = [_pooled(kind, entries)]
    for entry in entries:
        numbers = entry.pop("numbers", {})
        packed = {name: _kept(store, values) for name, values in numbers.items()}
        if packed:
            entry["numbers"] = packed
    return entries


def _kept(store: Store, values: Any) -> Any:
    try:
        return store.add(values)
    except (TypeError, ValueError):
        return _cut(str(values))  # words, or numbers with units that nobody can convert


def _pooled(kind: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    import numpy as np

    join: Any = np.ma.concatenate

    numbers: dict[str, list[Any]] = {}
    words = []
    for entry in entries:
        for name, values in entry.pop("numbers", {}).items():
            numbers.setdefault(name, []).append(np.ma.ravel(np.ma.asarray(values)))
        words.append(json.dumps({**entry, "style": ""}, sort_keys=True))
    joined: dict[str, Any] = {name: join(v) for name, v in numbers.items()}
    joined.update({f"{name} lengths": [len(v) for v in parts] for name, parts in numbers.items()})
    text = "\n".join(words)
    pooled = {"kind": kind, "count": len(entries), "numbers": joined}
    if kind == "text":
        pooled["texts"] = [entry["text"] for entry in entries][:ITEMS]
    return {**pooled, "crc": zlib.crc32(text.encode())}


def _label(artist: Any) -> dict[str, Any]:
    label = str(artist.get_label())
    return {} if label.startswith("_") or not label else {"label": _cut(label)}


def _line(line: Any) -> dict[str, Any]:
    from matplotlib.colors import to_hex

    if hasattr(line, "get_data_3d"):
        numbers = dict(zip("xyz", line.get_data_3d()))
    else:
        numbers = {"x": _typed(line, "x"), "y": _typed(line, "y")}
    style = f"{to_hex(line.get_color())} {line.get_linestyle()} {line.get_marker()}"
    steps = line.get_drawstyle()
    kind = {"type": f"line, {steps}"} if steps != "default" else {}
    return {**kind, **_label(line), "numbers": numbers, "style": style}


def _typed(line: Any, name: str) -> Any:
    """Drawn numbers; as they were given where that tells their precision (float32)."""
    import numpy as np

    drawn = getattr(line, f"get_{name}data")(orig=False)
    given = getattr(line, f"get_{name}data")(orig=True)
    typed = isinstance(given, np.ndarray) and given.dtype.kind in "fiu"
    same = typed and given.shape == np.shape(drawn) and not np.ma.isMaskedArray(given)
    return given if same else drawn


def _image(image: Any) -> dict[str, Any]:
    array = image.get_array()
    numbers = {"pixels": array}
    if hasattr(image, "get_extent"):
        numbers["extent"] = [float(v) for v in image.get_extent()]
    colours = _colours(image) if array is None or array.ndim == 2 else {}
    return {**_label(image), "numbers": {**numbers, **colours.pop("numbers", {})}, **colours}


def _colours(mappable: Any) -> dict[str, Any]:
    """How numbers become colours: limits, norm, and the colours themselves."""
    cmap = mappable.get_cmap()
    limits = [float("nan") if v is None else float(v) for v in mappable.get_clim()]
    return {
        "cmap": str(cmap.name),
        "norm": type(mappable.norm).__name__,
        "numbers": {"colour limits": limits, "colour map": cmap([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])},
    }


_PRIVATE = (
    ("points", "_offsets3d"),
    ("segments", "_segments3d"),
    ("faces", "_faces"),
    ("coordinates", "_coordinates"),
)
_PUBLIC = (("u", "U"), ("v", "V"), ("u", "u"), ("v", "v"), ("levels", "levels"), ("xy", "XY"))


def _collection(collection: Any) -> dict[str, Any]:
    name = type(collection).__name__.replace("FillBetweenPoly", "Poly")  # until Matplotlib 3.10
    kind = {"type": name, **_label(collection)}
    numbers = _geometry(collection)
    array = collection.get_array()
    if array is not None:
        colours = _colours(collection)
        numbers.update({"colours": array, **colours.pop("numbers")})
        return {**kind, **colours, "numbers": numbers}
    if hasattr(collection, "do_3d_projection"):
        return {**kind, "numbers": numbers}  # its colours are shaded, and sorted by the view
    for own in (collection.get_facecolor(), collection.get_edgecolor()):
        if len(own) > 1:
            numbers["own colours"] = own
            break
    return {**kind, "numbers": numbers}


def _geometry(collection: Any) -> dict[str, Any]:
    import numpy as np

    named = ((name, getattr(collection, a, None)) for name, a in (*_PRIVATE, *_PUBLIC))
    numbers = {name: _flat(found) for name, found in named if found is not None}
    if hasattr(collection, "_vec") and "faces" not in numbers:  # Matplotlib before 3.10
        numbers["faces"] = np.asarray(collection._vec)[:3].T
    if getattr(numbers.get("faces"), "ndim", 0) == 3:
        numbers["faces"] = numbers["faces"].reshape(-1, 3)
    offsets = np.ma.asarray(collection.get_offsets())
    placed = offsets.size > 2 or bool(np.ma.any(offsets))
    if placed and "points" not in numbers and "u" not in numbers:
        numbers["offsets"] = offsets
    if not placed and not {"faces", "segments", "coordinates"} & set(numbers):
        # Where the labels of contours stand, their lines are cut: by each Matplotlib elsewhere.
        name = "paths beside labels" if getattr(collection, "labelTexts", ()) else "paths"
        numbers[name] = _flat([path.vertices for path in collection.get_paths()])
    sizes = collection.get_sizes() if hasattr(collection, "get_sizes") else ()
    if len(sizes) > 1 and placed:
        numbers["sizes"] = sizes
    return numbers


def _flat(parts: Any) -> Any:
    """One array of ragged ones."""
    import numpy as np

    join: Any = np.ma.concatenate

    try:
        return np.ma.asarray(parts, dtype=float)
    except (TypeError, ValueError):
        flat: list[Any] = [np.ma.ravel(np.ma.asarray(part, dtype=float)) for part in parts]
        return join([[len(part) for part in flat], *flat])


def _rectangles(members: list[Any], store: Store) -> list[dict[str, Any]]:
    import numpy as np

    sides = [_sides(member) for member in members]
    columns = np.asarray(sides, dtype=float).T
    numbers = dict(zip(("x", "y", "width", "height"), columns[:4]))
    if columns[4].any():
        numbers["angle"] = columns[4]
    colours = np.asarray([r.get_facecolor() for r in members])
    if (colours != colours[0]).any():
        numbers["own colours"] = colours
    kept = {name: _kept(store, values) for name, values in numbers.items()}
    return [{"kind": "rectangle", "count": len(members), "numbers": kept}]


def _sides(artist: Any) -> tuple[float, ...]:
    """Corner, width, height and angle of a rectangle, which may be drawn as a polygon."""
    if _is(artist, "Rectangle"):
        width, height = artist.get_width(), artist.get_height()
        return (*artist.get_xy(), width, height, artist.get_angle())
    corners = artist.get_xy() if _is(artist, "Polygon") and hasattr(artist, "get_xy") else ()
    xs, ys = (sorted({float(corner[i]) for corner in corners}) for i in (0, 1))
    if len(corners) != 5 or len(xs) != 2 or len(ys) != 2:
        return ()
    return (xs[0], ys[0], xs[1] - xs[0], ys[1] - ys[0], 0.0)


def _patch(patch: Any) -> dict[str, Any]:
    ends = getattr(patch, "_posA_posB", None)
    if ends is not None and all(end is not None for end in ends):
        return {"type": type(patch).__name__, "numbers": {"ends": ends}}
    corners = patch.get_patch_transform().transform(patch.get_path().vertices)
    return {"type": type(patch).__name__, **_label(patch), "numbers": {"corners": corners}}


def _words(text: Any) -> dict[str, Any]:
    if not text.get_text():
        return {}
    place = getattr(text, "xy", None) or text.get_position()
    return {"text": _text(text), "numbers": {"place": [_place(v) for v in place]}}


def _place(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")  # a date or a category: it has its place among the axis' own


def _table_of_texts(table: Any) -> dict[str, Any]:
    cells = sorted(table.get_celld().items())
    return {"text": _cut("; ".join(_text(cell.get_text()) for _, cell in cells))}


def _box(box: Any) -> dict[str, Any]:
    found = [_text(t) for t in box.findobj(lambda a: _is(a, "Text")) if t.get_text()]
    return {"text": _cut("; ".join(found))}


_DESCRIBE: dict[str, Any] = {
    "box": _box,
    "collection": _collection,
    "image": _image,
    "line": _line,
    "patch": _patch,
    "table": _table_of_texts,
    "text": _words,
}


# Tables


def table(frame: Any) -> dict[str, Any]:
    """MIME bundle of a pandas DataFrame or Series."""
    frame = frame.to_frame() if hasattr(frame, "to_frame") and frame.ndim == 1 else frame
    levels = [frame.index.get_level_values(i) for i in range(frame.index.nlevels)]
    default = "index" if len(levels) == 1 else "level_{}"
    names = [default.format(i) if x.name is None else x.name for i, x in enumerate(levels)]
    columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
    keys, fields = _named([*names, *frame.columns]), [*levels, *columns]
    document = _resource(keys, fields, len(frame))
    document["schema"]["primaryKey"] = keys[: len(levels)]
    return {TABLE: document}


def styled(styler: Any) -> dict[str, Any]:
    """MIME bundle of a pandas Styler: the table under the colours."""
    bundle = table(styler.data)
    bundle[TABLE]["beambook"]["styled"] = True
    return bundle


def polars_table(frame: Any) -> dict[str, Any]:
    """MIME bundle of a polars DataFrame."""
    fields = [frame[:, i].to_numpy() for i in range(frame.width)]
    return {TABLE: _resource(_named(list(frame.columns)), fields, frame.height)}


def _resource(keys: list[str], fields: list[Any], rows: int) -> dict[str, Any]:
    schema = [{"name": k, "type": _type(f), **_order(f)} for k, f in zip(keys, fields)]
    own: dict[str, Any] = {"version": 1, "rows": rows, "columns": len(keys)}
    own["library"] = _library(type(fields[-1]).__module__.split(".")[0]) if fields else ""
    whole = rows * len(keys) <= CELLS
    wanted = keys[: max(1, CELLS // (2 * EDGE_ROWS))]
    shown = range(rows) if whole else [*range(EDGE_ROWS), *range(rows - EDGE_ROWS, rows)]
    if rows <= 2 * EDGE_ROWS:
        shown = range(rows)
    columns = [[_plain(f[i]) for i in shown] for f in map(_positional, fields[: len(wanted)])]
    data = [dict(zip(wanted, row)) for row in zip(*columns)]
    if not whole:
        own["digest"] = _digest(keys, fields)
    return {"schema": {"fields": schema[:1000]}, "data": data, "beambook": own}


def _positional(field: Any) -> Any:
    return getattr(field, "array", field)


def _named(names: list[Any]) -> list[str]:
    """Names as text, each once."""
    taken: dict[str, int] = {}
    unique = []
    for name in map(str, names):
        count = taken[name] = taken.get(name, -1) + 1
        unique.append(f"{name}.{count}" if count else name)
    return unique


def _type(field: Any) -> str:
    kind = str(field.dtype).lower()
    for start, name in _TABLE_TYPES:
        if kind.startswith(start):
            return name
    return "string"


def _order(field: Any) -> dict[str, Any]:
    """Categories, where their order is said to mean something."""
    kind = field.dtype
    if not getattr(kind, "ordered", False):
        return {}
    return {"constraints": {"enum": [_plain(v) for v in kind.categories[:200]]}, "ordered": True}


_TABLE_TYPES = (
    ("float", "number"),
    ("int", "integer"),
    ("uint", "integer"),
    ("bool", "boolean"),
    ("datetime", "datetime"),
    ("timedelta", "duration"),
)


def _plain(value: Any) -> Any:
    """A cell as JSON; not-a-number as null, infinities as words."""
    value = value.item() if hasattr(value, "item") and not hasattr(value, "isoformat") else value
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        if value != value:
            return None
        return value if abs(value) != float("inf") else f"{value:+}"
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return None if text in ("NaT", "<NA>") else _cut(text)


def _digest(keys: list[str], fields: list[Any]) -> dict[str, Any]:
    most = 100
    limit = max(20, 6_000 // min(len(fields), most))
    digest = {k: _column(f, limit) for k, f in zip(keys[:most], fields[:most])}
    rest = fields[most:]
    if rest:
        crcs = [_crc(field) for field in rest]
        digest[f"{len(rest)} further columns"] = {"crc": zlib.crc32(repr(crcs).encode())}
    return digest


def _crc(field: Any) -> int:
    try:
        head = _as_numbers(field.to_numpy() if hasattr(field, "to_numpy") else field)[1]
    except (TypeError, ValueError):
        head = _column(field, 0)
    return int(head["crc"])


def _column(field: Any, limit: int) -> dict[str, Any]:
    try:
        return pack_one(field.to_numpy() if hasattr(field, "to_numpy") else field, limit)
    except (TypeError, ValueError):
        words = _PASSING.sub("", "\n".join(str(_plain(value)) for value in field))
        return {"dtype": "words", "shape": [len(field)], "crc": zlib.crc32(words.encode())}


# Arrays that are shown themselves


def array(values: Any) -> dict[str, Any]:
    """MIME bundle of a numpy array, where its text would leave numbers out."""
    if values.dtype.kind not in "biufcmM" or values.size < 2:
        return {}
    arrays = {"": pack_one(values, CELLS)}
    return {VALUES: {"version": 1, "library": _library("numpy"), "arrays": arrays}}


def labelled(thing: Any) -> dict[str, Any]:
    """MIME bundle of an xarray DataArray or Dataset; nothing is loaded or computed for it."""
    inner = thing.variables if hasattr(thing, "data_vars") else {"": thing.variable, **thing.coords}
    arrays: dict[str, Any] = {}
    lazy = []
    limit = max(20, CELLS // max(1, len(inner)))
    for name, each in inner.items():
        variable = getattr(each, "variable", each)
        if not variable._in_memory:
            lazy.append(str(name))
        elif variable.dtype.kind in "biufcmM":
            packed = pack_one(variable.values, limit)
            arrays[str(name)] = {**packed, "dims": [str(d) for d in variable.dims]}
    described = {"": thing, **inner}
    notes = [f"{n}.{k} = {v}" for n, each in described.items() for k, v in each.attrs.items()]
    attrs = [_cut(str(note)) for note in notes[:ITEMS]]
    document = {"version": 1, "library": _library("xarray"), "arrays": arrays}
    return {VALUES: {**document, "lazy": lazy, "attrs": attrs}}


_TYPES: tuple[tuple[str, str, Any], ...] = (
    ("matplotlib.figure", "Figure", figure),
    ("pandas", "DataFrame", table),
    ("pandas", "Series", table),
    ("pandas.core.frame", "DataFrame", table),
    ("pandas.core.series", "Series", table),
    ("pandas.io.formats.style", "Styler", styled),
    ("polars.dataframe.frame", "DataFrame", polars_table),
    ("numpy", "ndarray", array),
    ("xarray.core.dataarray", "DataArray", labelled),
    ("xarray.core.dataset", "Dataset", labelled),
)
