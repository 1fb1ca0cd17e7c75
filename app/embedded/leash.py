"""Becomes a server that dies with the process that started it; run as a program, not imported.

Between fork and exec a program with threads must not run Python, so this small one stands between the two:
it drops root's rights, asks the kernel for a signal when the parent dies, and turns into the server.

Arguments: the signal, the parent's process id, user and group to become (-1: stay), then what to run.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Read the arguments and become the server."""
    number, parent, user, group = map(int, sys.argv[1:5])
    program = sys.argv[5:]
    if user >= 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    # Last, because a change of user makes the kernel forget it.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            sys.exit("the parent has died already")
    # Python ignores these two, and what is ignored stays so in the program we become.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execv(program[0], program)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"{program[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main()
