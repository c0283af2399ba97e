"""Run a PostgreSQL program: drop root, end with the parent process, execute it.

`db.embedded.cluster` runs this file with the bare interpreter:
`python -I -S child.py UID GID PARENT PROGRAM ARGUMENT...`. It is a process between the two
because Linux forgets the death signal when the account changes, and because no Python function is
safe between fork and exec in a process that has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Replace this process by PROGRAM; exits with 1 when PARENT has died in the meantime."""
    uid, gid, parent = map(int, sys.argv[1:4])
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # SIGINT is PostgreSQL's fast shutdown: open transactions roll back, nothing is lost.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(sys.argv[4], sys.argv[4:])  # noqa: S606 (no shell is wanted)


if __name__ == "__main__":
    main()
