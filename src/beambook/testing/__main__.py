"""``python -m beambook.testing slurm``: a Slurm of one's own, to try things on."""

import signal
import sys

from beambook.testing._slurm import private_slurm

if sys.argv[1:] != ["slurm"]:
    sys.exit("python -m beambook.testing slurm")
ENDS = {signal.SIGINT, signal.SIGTERM}
with private_slurm() as slurm:
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # only now: daemons inherit what is blocked
    sys.stdout.write(f"export SLURM_CONF={slurm.folder}/slurm.conf\n")
    sys.stdout.flush()
    signal.sigwait(ENDS)
