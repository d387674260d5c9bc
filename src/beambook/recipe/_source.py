"""What the source says of a cell's outputs: which printed parts are volatile, what has no order.

``print(f"took {time.time() - t0:.2f} s for {n} trains")`` prints a volatile number and a
result. Volatility starts at clocks, process ids, folders, hosts, versions and random names, and
passes through arithmetic, formatting and assignments; not through other functions: a fit that
was given a start time is still a fit.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from beambook.recipe._volatile import GONE

__all__ = ["Reading", "read_sources"]

VOLATILE, UNORDERED = "volatile", "unordered"

_CALLS = {
    *("perf_counter", "perf_counter_ns", "process_time", "monotonic", "monotonic_ns", "time_ns"),
    *("default_timer", "utcnow", "localtime", "gmtime", "ctime", "getpid", "getppid", "getcwd"),
    *("uuid1", "uuid4", "gethostname", "getfqdn", "getuser", "getlogin", "mkdtemp", "mkstemp"),
    *("gettempdir", "TemporaryDirectory", "NamedTemporaryFile", "token_hex", "urandom"),
    *("getrusage", "cpu_count", "virtual_memory", "memory_info", "expanduser", "abspath"),
    *("realpath", "resolve", "absolute", "getsizeof", "thread_time", "get_ident", "getloadavg"),
    *("time.time", "time.strftime", "time.asctime", "datetime.now", "datetime.today"),
    *("date.today", "Timestamp.now", "Timestamp.today", "Path.cwd", "Path.home", "os.times"),
    *("platform.node", "platform.platform", "platform.python_version", "platform.uname"),
    *("platform.processor", "platform.release", "metadata.version", "id", "hash", "os.uname"),
}
_ATTRIBUTES = {"__version__", "__file__", "sys.version", "sys.executable", "sys.path", "os.environ"}
_ATTRIBUTES |= {"sys.version_info", "sys.prefix", "sys.platform"}
_LOOSE = {"listdir", "scandir", "glob", "iglob", "rglob", "iterdir", "walk", "set", "frozenset"}
_THROUGH = {
    "str",
    "float",
    "int",
    "round",
    "abs",
    "format",
    "repr",
    "Path",
    "join",
    "list",
    "tuple",
}
_THROUGH |= {"timedelta", "divmod", "max", "min", "sum", "reversed", "enumerate", "zip", "print"}
_PARALLEL = {"Thread", "ThreadPool", "Pool", "Parallel", "ThreadPoolExecutor", "gather"}
_PARALLEL |= {"ProcessPoolExecutor", "as_completed", "imap_unordered", "to_thread"}
_WRITES = {"title", "suptitle", "xlabel", "ylabel", "text", "figtext", "annotate", "legend"}
_WRITES |= {"set_title", "set_xlabel", "set_ylabel", "set_zlabel", "set_label", "set_text"}
_WRITTEN = {"title", "label", "labels", "xlabel", "ylabel", "zlabel", "names", "s"}
_LOGGED = {
    "asctime": r"(\d[\d:., /-]*\d)",
    **dict.fromkeys(("process", "thread"), r"(\d+)"),
    **dict.fromkeys(("created", "msecs", "relativeCreated"), r"([\d.]+)"),
    **dict.fromkeys(("processName", "threadName", "taskName"), r"([\w.-]+(?: \(\w+\))?)"),
    "pathname": r"([^\n]*?)",
}
_SHELL = re.compile(
    r"[!%]\s*(?:date|pwd|hostname|whoami|uname|uptime|ps|top|free|df|ls|env|nvidia-smi|lscpu|id|"
    r"(?:python\d? -m )?pip|conda|mamba|uv|git|wget|curl|apt(?:-get)?|who|timeit|time|load_ext|"
    r"watermark|memit|cd|history|which)\b"
)


@dataclass(frozen=True)
class Reading:
    """What the source of one cell says of its outputs.

    Attributes
    ----------
    patterns : tuple of re.Pattern
        Lines that are printed; groups are volatile.
    every_line : bool
        All that is printed is volatile.
    lines : frozenset of int
        Lines of the printed text that are volatile, where each line is one ``print``.
    prints : int
        Number of lines for which `lines` holds.
    result : bool
        The value of the last expression is volatile.
    unordered : bool
        Something is shown in the order of a set or of a folder.
    racing : bool
        Something runs in several threads or processes.
    drawn : bool
        Something volatile is written into a figure.
    columns : frozenset of str
        Columns of tables, here or in a cell before, that hold something volatile.
    """

    patterns: tuple[re.Pattern[str], ...] = ()
    every_line: bool = False
    lines: frozenset[int] = frozenset()
    prints: int = 0
    result: bool = False
    unordered: bool = False
    racing: bool = False
    drawn: bool = False
    columns: frozenset[str] = frozenset()

    def scrub(self, text: str) -> tuple[str, int]:
        """Printed `text` without its volatile parts, and how many there were."""
        if self.every_line and text:
            return GONE, 1
        count = 0
        for pattern in self.patterns:
            text, more = pattern.subn(_without_groups, text)
            count += more
        lines = text.rstrip("\n").split("\n")
        if self.lines and len(lines) == self.prints:
            lines = [GONE if i in self.lines else line for i, line in enumerate(lines)]
            return "\n".join(lines), count + len(self.lines)
        return text, count


def _without_groups(match: re.Match[str]) -> str:
    text, start = match[0], match.start()
    for i in range(len(match.groups()), 0, -1):
        if match[i] is not None:
            text = text[: match.start(i) - start] + GONE + text[match.end(i) - start :]
    return text


def read_sources(sources: Iterable[str]) -> list[Reading]:
    """Read the cells of a notebook in their order; names live from cell to cell."""
    reader = _Reader()
    return [reader.read(source) for source in sources]


class _Reader:
    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.imports: dict[str, str] = {}
        self.everywhere: list[re.Pattern[str]] = []
        self.columns: set[str] = set()

    def read(self, source: str) -> Reading:
        lines = [line for line in source.split("\n") if line.strip()]
        commands = [line for line in lines if not line.lstrip().startswith("#")]
        if commands and all(_SHELL.match(line.strip()) for line in commands):
            return Reading(every_line=True, result=True)
        try:
            tree = ast.parse(_python(source))
        except (SyntaxError, ValueError, RecursionError):
            return Reading(patterns=tuple(self.everywhere))
        prints: list[_Print] = []
        for statement in tree.body:
            self._statement(statement, prints)
        return self._reading(tree, prints)

    def _reading(self, tree: ast.Module, prints: list[_Print]) -> Reading:
        self.everywhere += [p.pattern for p in prints if p.inside and p.pattern and not p.bare]
        local = [p.pattern for p in prints if p.pattern and not p.bare]
        shown = [p for p in prints if not p.inside]
        bare = frozenset(i for i, p in enumerate(shown) if p.bare)
        last = tree.body[-1] if tree.body else None
        kind = self._kind(last.value) if isinstance(last, ast.Expr) else None
        loops = (
            node.iter for node in ast.walk(tree) if isinstance(node, (ast.For, ast.comprehension))
        )
        loose = any(self._kind(each) == UNORDERED for each in loops)
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        self.everywhere += [p for call in calls for p in _log_patterns(call)]
        self._note_columns(tree)
        return Reading(
            patterns=tuple(dict.fromkeys([*local, *self.everywhere])),
            every_line=bool(shown) and len(bare) == len(shown),
            lines=bare if not any(p.looped for p in shown) else frozenset(),
            prints=len(shown),
            result=kind == VOLATILE,
            unordered=loose or kind == UNORDERED or any(p.unordered for p in prints),
            racing=any(self._dotted(call.func).split(".")[-1] in _PARALLEL for call in calls),
            drawn=any(map(self._draws, calls)),
            columns=frozenset(self.columns),
        )

    def _draws(self, call: ast.Call) -> bool:
        """Whether a call writes something volatile into a figure."""
        named = [word.value for word in call.keywords if word.arg in _WRITTEN]
        own = call.args if self._dotted(call.func).split(".")[-1] in _WRITES else []
        return self._kind_of_any([*named, *own]) == VOLATILE

    def _note_columns(self, tree: ast.Module) -> None:
        """``{"seconds": [time.time() - t0]}`` and ``frame["seconds"] = …``."""
        for node in ast.walk(tree):
            pairs: list[tuple[ast.expr | None, ast.expr]] = []
            if isinstance(node, ast.Dict):
                pairs = list(zip(node.keys, node.values, strict=True))
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                pairs = [(node.targets[0].slice, node.value)]
            for key, value in pairs:
                if isinstance(key, ast.Constant) and self._kind(value) == VOLATILE:
                    self.columns.add(str(key.value))

    # Statements

    def _statement(self, node: ast.stmt, prints: list[_Print], *, depth: int = 0) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, self._kind(node.value))
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            kind = self._kind(node.value)
            if isinstance(node, ast.AugAssign):
                kind = kind or self._kind(node.target)
            self._assign(node.target, kind)
        elif isinstance(node, ast.Expr):
            prints.extend(self._print(node.value, depth))
            self._append(node.value)
        self._blocks(node, prints, depth)

    def _blocks(self, node: ast.AST, prints: list[_Print], depth: int) -> None:
        """Statements within; those of loops and branches print any number of lines."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            depth = 2
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.While, ast.If, ast.ExceptHandler)):
            depth = max(depth, 1)
        for item in node.items if isinstance(node, ast.With) else ():
            if item.optional_vars is not None:
                self._assign(item.optional_vars, self._kind(item.context_expr))
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self._statement(child, prints, depth=depth)
            elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
                self._blocks(child, prints, max(depth, 1))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in node.names:
            if isinstance(node, ast.ImportFrom):
                self.imports[name.asname or name.name] = f"{node.module}.{name.name}"
            elif name.asname:
                self.imports[name.asname] = name.name

    def _assign(self, target: ast.expr, kind: str | None) -> None:
        if isinstance(target, ast.Name):
            if kind:
                self.names[target.id] = kind
            else:
                self.names.pop(target.id, None)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for each in target.elts:
                self._assign(each, kind)

    def _append(self, node: ast.expr) -> None:
        """A list to which something volatile is added becomes volatile."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            whole = node.func.value
            grows = node.func.attr == "append" and isinstance(whole, ast.Name)
            if grows and self._kind_of_any(node.args) == VOLATILE:
                self._assign(whole, VOLATILE)

    # Expressions

    def _kind(self, node: ast.expr | None) -> str | None:
        """Whether the value of an expression is volatile, without order, or neither."""
        if isinstance(node, ast.Name):
            return VOLATILE if node.id in _ATTRIBUTES else self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            dotted = self._dotted(node)
            if node.attr in _ATTRIBUTES or ".".join(dotted.split(".")[-2:]) in _ATTRIBUTES:
                return VOLATILE
            return self._kind(node.value)
        if isinstance(node, ast.Call):
            return self._kind_of_call(node)
        if isinstance(node, (ast.Set, ast.SetComp)):
            return UNORDERED
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            loose = [self._kind(g.iter) for g in node.generators]
            return self._kind(node.elt) or (UNORDERED if UNORDERED in loose else None)
        return self._kind_of_parts(node)

    def _kind_of_parts(self, node: ast.expr | None) -> str | None:
        parts: Sequence[ast.expr | None] = ()
        if isinstance(node, ast.BinOp):
            parts = (node.left, node.right)
        elif isinstance(node, ast.UnaryOp):
            parts = (node.operand,)
        elif isinstance(node, (ast.FormattedValue, ast.Subscript, ast.Starred, ast.NamedExpr)):
            parts = (node.value,)
        elif isinstance(node, (ast.JoinedStr, ast.BoolOp)):
            parts = node.values
        elif isinstance(node, (ast.Tuple, ast.List)):
            parts = node.elts
        elif isinstance(node, ast.IfExp):
            parts = (node.body, node.orelse)
        return self._kind_of_any(parts)

    def _kind_of_any(self, nodes: Iterable[ast.expr | None]) -> str | None:
        kinds = {self._kind(node) for node in nodes}
        return VOLATILE if VOLATILE in kinds else UNORDERED if UNORDERED in kinds else None

    def _kind_of_call(self, node: ast.Call) -> str | None:
        dotted = self._dotted(node.func)
        name = dotted.split(".")[-1]
        tail = ".".join(dotted.split(".")[-2:])
        if name in _CALLS or tail in _CALLS or dotted.startswith("psutil."):
            return VOLATILE
        if name == "sorted":
            kind = self._kind_of_any(node.args)
            return VOLATILE if kind == VOLATILE else None
        if name in _LOOSE:
            return UNORDERED
        if name in _THROUGH:
            return self._kind_of_any(node.args)
        if isinstance(node.func, ast.Attribute):
            of_object = self._kind(node.func.value)
            return of_object or (self._kind_of_any(node.args) if name == "format" else None)
        return None

    def _dotted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            return f"{self._dotted(node.value)}.{node.attr}"
        if isinstance(node, ast.Call):
            return self._dotted(node.func)
        return ""

    # Prints

    def _print(self, node: ast.expr, depth: int) -> Iterator[_Print]:
        if not isinstance(node, ast.Call):
            return
        name = self._dotted(node.func).split(".")[-1]
        if name not in ("print", "write", "info", "echo"):
            return
        pieces: list[str | bool | None] = []
        for i, argument in enumerate(node.args):
            pieces += [" "] if i else []
            pieces += self._pieces(argument)
        kinds = {self._kind(argument) for argument in node.args}
        bare = VOLATILE in kinds and not any(isinstance(p, str) and p.strip() for p in pieces)
        yield _Print(
            pattern=_pattern(pieces) if VOLATILE in kinds else None,
            bare=bare,
            inside=depth >= 2,
            looped=depth >= 1 or name != "print" or bool(node.keywords),
            unordered=UNORDERED in kinds,
        )

    def _pieces(self, node: ast.expr) -> list[str | bool | None]:
        """Text as it is written, True for what is volatile, None for what is a result."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        if isinstance(node, ast.JoinedStr):
            return [piece for value in node.values for piece in self._pieces(value)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return [*self._pieces(node.left), *self._pieces(node.right)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return self._percent(node)
        if isinstance(node, ast.Call) and _is_format(node):
            return self._format(node)
        return [True if self._kind(node) == VOLATILE else None]

    def _percent(self, node: ast.BinOp) -> list[str | bool | None]:
        if not (isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)):
            return [True if self._kind(node) == VOLATILE else None]
        values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right] * 9
        texts = re.split(r"%(?:\(\w+\))?[-+ #0]*[\d.]*[a-zA-Z]", node.left.value)
        pieces: list[str | bool | None] = [texts[0].replace("%%", "%")]
        for i, text in enumerate(texts[1:]):
            kind = self._kind(values[i]) if i < len(values) else None
            pieces += [True if kind == VOLATILE else None, text.replace("%%", "%")]
        return pieces

    def _format(self, node: ast.Call) -> list[str | bool | None]:
        named = {word.arg: word.value for word in node.keywords}
        pieces: list[str | bool | None] = []
        count = 0
        for text, name, _, _ in string.Formatter().parse(node.func.value.value):  # type: ignore[attr-defined]
            pieces.append(text)
            if name is not None:
                place = re.split(r"[.\[]", name)[0]
                index = int(place) if place.isdigit() else count
                count += not place
                given = named.get(place) or (node.args[index] if index < len(node.args) else None)
                pieces.append(True if self._kind(given) == VOLATILE else None)
        return pieces


@dataclass(frozen=True)
class _Print:
    """One call that prints: its pattern, and where it stands."""

    pattern: re.Pattern[str] | None
    bare: bool
    inside: bool
    looped: bool
    unordered: bool


def _is_format(node: ast.Call) -> bool:
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "format"
        and isinstance(node.func.value, ast.Constant)
        and isinstance(node.func.value.value, str)
    )


def _log_patterns(call: ast.Call) -> Iterator[re.Pattern[str]]:
    """Lines of a log by its format: process, thread and time are volatile.

    Only of formats with a time, so that no other line looks like them.
    """
    words = [word.value for word in call.keywords if word.arg in ("format", "fmt")]
    for given in (*words, *call.args[:1]):
        text = given.value if isinstance(given, ast.Constant) else None
        if isinstance(text, str) and "%(asctime)" in text:
            parts = re.split(r"%\((\w+)\)[-+ #0]*[\d.]*[a-zA-Z]", text)
            shown = [
                _LOGGED.get(p, r"[^\n]*?") if i % 2 else re.escape(p) for i, p in enumerate(parts)
            ]
            yield re.compile(f"^{''.join(shown)}$", re.M)


def _pattern(pieces: Sequence[str | bool | None]) -> re.Pattern[str]:
    """Lines as these pieces print them; volatile pieces are groups."""
    parts = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(re.sub(r"(?:\\[ \n\t])+", r"\\s+", re.escape(piece)))
        else:
            parts.append(r"([^\n]+?)" if piece else r"[^\n]*?")
    return re.compile(f"^[ \t]*{''.join(parts)}[ \t]*$", re.M)


def _python(source: str) -> str:
    """Source without magics, its lines where they were."""
    if source.lstrip().startswith("%%"):
        first, _, rest = source.lstrip().partition("\n")
        keeps = re.match(r"%%(?:time|timeit|capture|memit|prun)\b", first)
        source = "\n" + rest if keeps else ""
    return re.sub(r"^([ \t]*)[%!?].*$|^([ \t]*)\w+\s*=\s*[%!].*$", r"\1\2pass", source, flags=re.M)
