r"""Formulas of Jupyter's Markdown, taken out before pandoc reads the rest.

Jupyter shows TeX between ``$`` and ``$$``, in ``\\(…\\)`` and ``\\[…\\]``, and in bare
``\begin{align}`` environments, and finds it before Markdown is read, so that ``_``, ``\\``
or a line that begins with ``-`` keep their meaning in it. This does the same: each formula
becomes a mark of two private characters around its number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from beambook.recipe._report_text import clean_text

__all__ = ["Formulas"]

OPEN, CLOSE = "\ue000", "\ue001"
ENVIRONMENTS = (
    r"(?:align|alignat|equation|eqnarray|gather|multline|flalign|displaymath|math|subequations)\*?"
)
SPANS = re.compile(
    rf"""
    (?P<code>^[ ]{{0,3}}(?P<fence>`{{3,}}|~{{3,}}).*?(?:^[ ]{{0,3}}(?P=fence)[`~]*\s*$|\Z)
      |(?<!`)(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`))
    |(?<!\\)\$\$(?P<dollars>.+?)\$\$
    |(?P<environment>\\begin{{(?P<name>{ENVIRONMENTS})}}.*?\\end{{(?P=name)}})
    |\\\\\[(?P<brackets>.+?)\\\\\]
    |\\\\\((?P<parentheses>.+?)\\\\\)
    |(?<![\\$\w])\$(?P<inline>(?!\s|\$)(?:\\.|[^$\\`\n]|\n(?!\s*\n))+?(?<!\s))\$(?![\d$])
    |(?<![\\$\w])\$(?P<spaced>[ ](?:\\.|[^$\\`\n])*?[\\^_=+](?:\\.|[^$\\`\n])*?[ ])\$(?![\d$])
    |(?P<reference>\\(?:eq)?ref{{(?P<label>[^}}]+)}})
    """,
    re.S | re.M | re.X,
)
MACRO = re.compile(
    r"\\(?:(?:re)?newcommand|providecommand|DeclareMathOperator)\*?\s*\{?\\[A-Za-z]+\}?"
    r"(?:\[\d\])?(?:\[[^\]]*\])?\s*(?=\{)|\\def\\[A-Za-z]+(?:#\d)*(?=\{)"
)
COMMON = {
    "bra": r"[1]{\left\langle #1\right|}",
    "ket": r"[1]{\left| #1\right\rangle}",
    "braket": r"[1]{\left\langle #1\right\rangle}",
    "abs": r"[1]{\left| #1\right|}",
    "norm": r"[1]{\left\| #1\right\|}",
    "dd": r"{\mathrm{d}}",
    "dv": r"[2]{\frac{\mathrm{d}#1}{\mathrm{d}#2}}",
    "pdv": r"[2]{\frac{\partial #1}{\partial #2}}",
    "degree": r"{^\circ}",
    "celsius": r"{^\circ\mathrm{C}}",
    "micro": r"{\mu}",
}


@dataclass
class Formulas:
    r"""The formulas of one document: their macros and the numbers of labelled ones.

    Examples
    --------
    >>> text, maths = Formulas().extract("so $E_0$ costs $5")
    >>> text, maths[0]["tex"]
    ('so \ue0001\ue001 costs $5', 'E_0')
    """

    macros: list[str] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)

    def learn(self, text: str) -> None:
        r"""Take ``\newcommand`` and ``\label`` from anywhere: they hold in the whole document."""
        for match in MACRO.finditer(text):
            if body := _group(text, match.end()):
                self.macros.append(match[0] + body)
        for match in SPANS.finditer(text):
            if match["code"] is None:
                for label in re.findall(r"\\label\{([^}]+)\}", match[0]):
                    self.labels.setdefault(label, len(self.labels) + 1)

    def extract(self, text: str) -> tuple[str, list[dict[str, Any]]]:
        """Text with marks instead of formulas, and the formulas (`tex`, `display`, `source`)."""
        maths: list[dict[str, Any]] = []

        def mark(match: re.Match[str]) -> str:
            if match["code"] is not None:
                return match[0]
            if match["reference"] is not None:
                number = self.labels.get(match["label"])
                return match[0] if number is None else f"({number})"
            maths.append(self._formula(match))
            return f"{OPEN}{len(maths)}{CLOSE}"

        text = clean_text(text).replace(OPEN, "\ufffd").replace(CLOSE, "\ufffd")
        return SPANS.sub(mark, text), maths

    def _formula(self, match: re.Match[str]) -> dict[str, Any]:
        inner = match["inline"] or match["spaced"] or match["parentheses"]
        body = inner or match["dollars"] or match["brackets"] or match["environment"]
        tex = re.sub(r"\n\s*\n", "\n", body.strip())
        return {
            "tex": "\n".join([*self._used(tex), self._numbered(_chemistry(_known(tex)))]),
            "display": inner is None,
            "source": match[0].strip(),
        }

    def _used(self, tex: str) -> list[str]:
        names = set(re.findall(r"\\([A-Za-z]+)", tex))
        own = {name for macro in self.macros for name in re.findall(r"\\([A-Za-z]+)", macro)[:2]}
        common = [f"\\newcommand{{\\{n}}}{COMMON[n]}" for n in sorted(names & set(COMMON) - own)]
        return [*common, *(self.macros if names else [])]

    def _numbered(self, tex: str) -> str:
        tex = re.sub(r"\\tag\*?\{([^}]*)\}", r"\\qquad\\text{(\1)}", tex)
        tex = re.sub(r"\\(?:nonumber|notag)\b", "", tex)
        return re.sub(
            r"\s*\\label\{([^}]+)\}",
            lambda m: rf"\qquad\text{{({self.labels.get(m[1], '?')})}}",
            tex,
        )


def _known(tex: str) -> str:
    """Environments and commands that pandoc lacks, by others that look the same."""
    tex = re.sub(r"\\(begin|end)\{(?:displaymath|math|subequations)\*?\}", "", tex)
    tex = re.sub(r"\\(begin|end)\{equation\*?\}", "", tex)
    tex = re.sub(r"\\(begin|end)\{(?:eqnarray|align|flalign|alignat)\*?\}", r"\\\1{aligned}", tex)
    tex = re.sub(r"\\(begin|end)\{(?:gather|multline)\*?\}", r"\\\1{gathered}", tex)
    tex = re.sub(r"\\require\{\w+\}|\\hline\b|\\displaystyle\b", "", tex)
    return re.sub(r"\{\\(bf|rm|it|sf|tt)\s+([^{}]*)\}", r"\\math\1{\2}", tex).strip()


def _chemistry(tex: str) -> str:
    r"""``\ce{NiO2^2-}`` as upright letters with their indices."""

    def formula(match: re.Match[str]) -> str:
        text = match[1].replace("<=>", r" \rightleftharpoons ").replace("->", r" \rightarrow ")
        text = re.sub(r"\^(\{[^}]*\}|[0-9]*[+-])", lambda m: "^{" + m[1].strip("{}") + "}", text)
        text = re.sub(r"(?<=[A-Za-z)\]])(\d+)", r"_{\1}", text)
        return r"\mathrm{" + text + "}"

    return re.sub(r"\\ce\{((?:[^{}]|\{[^{}]*\})*)\}", formula, tex)


def _group(text: str, start: int) -> str:
    """The balanced ``{…}`` that begins at `start`, else an empty string."""
    depth = 0
    for at in range(start, min(len(text), start + 2000)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return text[start : at + 1]
    return ""
