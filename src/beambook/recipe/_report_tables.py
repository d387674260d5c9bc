"""Tables that arrive as HTML: colours of a pandas Styler, and tables longer than anyone reads."""

from __future__ import annotations

import re

__all__ = ["COLOURS", "cut_rows", "styles"]

FIRST_ROWS, LAST_ROWS = 1500, 100
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
COLOURS = {
    "red": "#ff0000", "darkred": "#8b0000", "green": "#008000", "lime": "#00ff00",
    "darkgreen": "#006400", "lightgreen": "#90ee90", "blue": "#0000ff", "navy": "#000080",
    "lightblue": "#add8e6", "yellow": "#ffff00", "orange": "#ffa500", "darkorange": "#ff8c00",
    "purple": "#800080", "magenta": "#ff00ff", "cyan": "#00ffff", "pink": "#ffc0cb",
    "gray": "#808080", "grey": "#808080", "lightgray": "#d3d3d3", "lightgrey": "#d3d3d3",
    "silver": "#c0c0c0", "black": "#000000", "white": "#ffffff", "brown": "#a52a2a",
    "gold": "#ffd700", "tomato": "#ff6347", "salmon": "#fa8072", "teal": "#008080",
    "olive": "#808000", "maroon": "#800000", "khaki": "#f0e68c", "coral": "#ff7f50",
    "crimson": "#dc143c", "lightyellow": "#ffffe0", "lightcoral": "#f08080",
}  # fmt: skip


def styles(html: str) -> dict[str, str]:
    """CSS of each cell of a Styler by the id of the cell.

    Examples
    --------
    >>> styles("<style>#T_1_row0_col0, #T_1_row1_col0 {color: red;}</style>")
    {'T_1_row0_col0': 'color: red;', 'T_1_row1_col0': 'color: red;'}
    """
    rules: dict[str, str] = {}
    for sheet in re.findall(r"<style[^>]*>(.*?)</style>", html, re.S | re.I):
        for selectors, body in RULE.findall(sheet):
            for selector in selectors.split(","):
                if re.fullmatch(r"\s*#[\w-]+\s*", selector):
                    name = selector.strip().lstrip("#")
                    declared = " ".join(body.split())
                    rules[name] = f"{rules[name]} {declared}" if name in rules else declared
    return rules


def cut_rows(html: str) -> tuple[str, int]:
    """A table with its first 1,500 and last 100 rows, and how many between them are left out."""
    starts = [match.start() for match in re.finditer(r"<tr[\s>]", html, re.I)]
    left = len(starts) - FIRST_ROWS - LAST_ROWS
    if left <= 1 or len(re.findall(r"<table[\s>]", html, re.I)) != 1:
        return html, 0
    head, tail = html[: starts[FIRST_ROWS]], html[starts[-LAST_ROWS] :]
    return f"{head}<tr><td>… {left:,} rows are left out here …</td></tr>{tail}", left
