"""Machine code that is kept for the next process."""

import os
import subprocess
import sys

CALLED = """
from beambook.machine_code import compiled

@compiled()
def number():
    return {number}
"""
CALLER = """
from beambook.machine_code import compiled
from called_kernel import number

@compiled()
def twice():
    return 2 * number()
"""
ASK = "from caller_kernel import twice; print(twice(), sum(twice.stats.cache_hits.values()))"


def test_a_kernel_is_compiled_anew_when_one_that_it_calls_has_changed(tmp_path):
    def ask(number=None):
        if number is not None:
            (tmp_path / "called_kernel.py").write_text(CALLED.format(number=number))
        command = [sys.executable, "-B", "-c", ASK]
        where = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}
        done = subprocess.run(
            command, cwd=tmp_path, env=where, capture_output=True, text=True, check=True
        )
        return tuple(map(int, done.stdout.split()))

    (tmp_path / "caller_kernel.py").write_text(CALLER)
    assert ask(number=1) == (2, 0)
    assert ask() == (2, 1)
    assert ask(number=20) == (40, 0)
