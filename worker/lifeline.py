"""Runs a command that is told to stop when the process that started it dies, however that died.

`lifeline.py PARENT SIGNAL COMMAND...` asks the kernel for the signal (PR_SET_PDEATHSIG) and becomes the command; the
wish survives the exec. Done here and not in a `preexec_fn`, because code between fork and exec of a process that has
threads can deadlock. Three limits, all covered by `undertaker.py`: Linux only, only this process and not its
children, and "dies" means the thread that forked us: whoever uses it starts processes from its main thread.

Standard library only, run by path: it must start in milliseconds.
"""

import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
CANNOT_EXECUTE = 127


def bound(command: Sequence[str], stop_signal: signal.Signals) -> list[str]:
    """The same command, tied to the life of the calling process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(stop_signal)), *command]


def ask_for_signal(parent: int, number: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes  # only where prctl exists

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), number)


def become(command: Sequence[str]) -> None:
    """Replace this process; Python's own choice to ignore SIGPIPE must not be inherited."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(command[0], list(command))
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        sys.exit(CANNOT_EXECUTE)


if __name__ == "__main__":
    ask_for_signal(int(sys.argv[1]), int(sys.argv[2]))
    become(sys.argv[3:])
