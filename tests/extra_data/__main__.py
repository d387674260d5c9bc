"""``python -m tests.extra_data``: EXtra-data's own tests against beambook."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from their_tests import run_their_tests

outcome = run_their_tests()
sys.stdout.write("\n".join([outcome.log if outcome.unexpected else "", *outcome.lines(), ""]))
sys.exit(bool(outcome.unexpected))
