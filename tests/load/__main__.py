"""A fleet under load, and a report of it: `make load ROWS=1000000 UPLOADS=2`, or `python -m tests.load`."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.databases import postgres
from tests.load.crew import Crew
from tests.load.plots import draw
from tests.load.report import lines
from tests.load.run import load


def main() -> None:
    usual = Crew()
    parser = argparse.ArgumentParser(prog="python -m tests.load")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each upload (default %(default)s)")
    parser.add_argument("--uploads", type=int, default=2, help="one by one, and as many at once (default %(default)s)")
    parser.add_argument("--intake", type=int, default=usual.intake, help="processes (default %(default)s)")
    parser.add_argument("--submit", type=int, default=usual.submit, help="processes (default %(default)s)")
    parser.add_argument("--collect", type=int, default=usual.collect, help="processes (default %(default)s)")
    parser.add_argument("--plots", type=Path, default=Path(".rollcall/load"), help="folder (default %(default)s)")
    told = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that servers go with us
    told.plots.mkdir(parents=True, exist_ok=True)
    crew = Crew(told.intake, told.submit, told.collect)
    with tempfile.TemporaryDirectory(prefix="rollcall-load-") as folder, postgres(lasting=True) as server:
        done = load(Path(folder), server, crew, told.rows, told.uploads)
    for line in lines(done):
        print(line)
    print("plots:", *draw(done, told.plots), sep="\n  ")


if __name__ == "__main__":
    main()
