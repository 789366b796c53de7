"""`rollcall up`, `sandbox` and `migrate`: what runs on this machine."""

import socket
import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer

from worker.cli import out
from worker.cli.options import AsJson

SandboxPort = Annotated[int, typer.Option(metavar="N", help="Where the sandbox listens, on this machine only.")]


def up(
    sandbox: Annotated[bool, typer.Option(help="Run the sandbox too.")] = True,
    sandbox_port: SandboxPort = 8765,
    flower: Annotated[bool, typer.Option(help="Run Flower too, which shows the tasks.")] = True,
    flower_port: Annotated[int, typer.Option(metavar="N", help="Where Flower listens, on this machine only.")] = 5555,
    as_json: AsJson = False,
) -> int:
    """Run everything here: broker, workers, beat, Flower and the sandbox. Ctrl-C stops all of it."""
    from worker import up as runner
    from worker.cli import place
    from worker.settings import load

    chosen = load()
    place.prepare(chosen)
    web = (chosen.web_host, chosen.web_port) if runner.is_called_back(chosen) else None
    if as_json:
        ports = {"sandbox": sandbox_port if sandbox else None, "flower": flower_port if flower else None}
        ports["web"] = web[1] if web else None
        out.json_line({"home": str(chosen.home.absolute()), "ports": ports})
    return runner.up(
        chosen.home,
        broker_url=chosen.broker_url,
        sandbox=sandbox,
        sandbox_port=sandbox_port,
        flower_port=flower_port,
        flower=flower,
        web=web,
        stop_grace=chosen.timing.stop_grace,
    )


def sandbox(
    port: SandboxPort = 8765,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    speed: Annotated[float, typer.Option(min=0, help="Provider seconds a real second.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of outcomes and faults.")] = 1,
    balance: Annotated[float, typer.Option(help="Balance of every account.")] = 100.0,
    currency: Annotated[str, typer.Option(help="Currency of the balance.")] = "USD",
    as_json: AsJson = False,
) -> None:
    """Run the sandbox alone: a stand-in for the providers, which calls nobody."""
    from sandbox.server import CannotListen, serve
    from worker.errors import InputError

    chosen_port = port or _free_port(host)
    if as_json:
        out.json_line({"url": f"http://{host}:{chosen_port}", "speed": speed, "seed": seed})
    try:
        with redirect_stdout(sys.stderr if as_json else sys.stdout):
            serve(host, chosen_port, seed=seed, speed=speed, balance=balance, currency=currency)
    except CannotListen as error:
        raise InputError("port_busy", str(error)) from None


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def migrate(as_json: AsJson = False) -> None:
    """Bring the database's schema up to date. Once per deployment; `up` and `upload` do it for an embedded one."""
    from worker.cli import place
    from worker.settings import load

    changed = place.prepare(load())
    if as_json:
        out.json_line({"changed": changed})
    else:
        out.say("The schema was brought up to date." if changed else "The schema is up to date already.")
