"""Compile one typst document in a process of its own: a crash or a hang there harms nobody.

Run as ``python -P _typst_worker.py JOB.json``; writes ``answer.json`` beside the job.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(job_path: str) -> None:
    """Compile ``main.typ`` beside the job; tell what typst says when it refuses."""
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    sys.path[:] = job["path"]  # typst is where the parent found it
    import typst

    root = Path(job_path).parent
    answer = {"message": "", "diagnostic": ""}
    try:
        typst.compile(
            str(root / "main.typ"),
            root=str(root),
            output=str(root / "report.pdf"),
            ignore_system_fonts=True,
            pdf_standards=["a-3b"],
            timestamp=job["timestamp"],
        )
    except typst.TypstError as error:
        answer = {"message": str(error.message), "diagnostic": str(error.diagnostic)[:1_000_000]}
    (root / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
