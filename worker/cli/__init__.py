"""The command line, `rollcall`. Commands import what they need when they run, so that `--help` comes at once."""

import sys


def main() -> None:
    """The console script: runs one command and ends the process with its exit code."""
    from worker.cli.door import run

    sys.exit(run(sys.argv[1:]))
