"""`rollcall web`: the HTTP door, where providers call back."""

from typing import Annotated

import typer

from worker.cli import out
from worker.cli.options import AsJson


def web(
    host: Annotated[str | None, typer.Option(help="Address to listen on; by default `web_host`.")] = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="By default `web_port`; 0 takes a free one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the HTTP door: callbacks of providers, /healthz and /metrics."""
    from worker import logs
    from worker.producer import connect
    from worker.web.server import listen, serve

    with connect() as ctx:
        chosen = ctx.settings
        line = listen(chosen.web_host if host is None else host, chosen.web_port if port is None else port)
        where, at = line.getsockname()[:2]
        url = f"http://[{where}]:{at}" if ":" in where else f"http://{where}:{at}"
        if as_json:
            out.json_line({"url": url})
        else:
            out.say(f"web listens on {url}")
        logs.configure()
        serve(ctx, line)
