"""`python -m sandbox`: the sandbox by itself."""

import argparse
import sys
from pathlib import Path

from sandbox.server import HOST, PORT, SPEED, CannotListen, serve


def parser() -> argparse.ArgumentParser:
    told = argparse.ArgumentParser(prog="python -m sandbox", description="A stand-in for the voice providers.")
    told.add_argument("--host", default=HOST, help="address to listen on (default %(default)s)")
    told.add_argument("--port", type=int, default=PORT, help="port, 0 for a free one (default %(default)s)")
    told.add_argument("--seed", type=int, default=1, help="seed of outcomes and faults (default %(default)s)")
    told.add_argument("--speed", type=float, default=SPEED, help="provider seconds a real second (default %(default)s)")
    told.add_argument("--balance", type=float, default=100.0, help="balance of every account (default %(default)s)")
    told.add_argument("--currency", default="USD", help="currency of the balance (default %(default)s)")
    told.add_argument("--tls-certificate", type=Path, help="serve https with this certificate (PEM)")
    told.add_argument("--tls-key", type=Path, help="the certificate's private key (PEM)")
    return told


def main() -> int:
    options = parser().parse_args()
    try:
        serve(**vars(options))
    except (CannotListen, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
