"""The workers of docker-compose.yml as processes: their very commands, as many of each service as are wanted."""

from dataclasses import dataclass

from tests.e2e import compose
from tests.e2e.compose import Here
from tests.e2e.fleet import Fleet, Member


@dataclass(frozen=True)
class Crew:
    """How many processes of each service there are, beside one beat."""

    intake: int = 2
    submit: int = 4
    collect: int = 2

    def start(self, running: Fleet) -> None:
        """Returns when all of them work."""
        kinds = {"intake": self.intake, "submit": self.submit, "collect": self.collect}
        crew = [(f"worker-{kind}", f"{kind}-{n}") for kind, many in kinds.items() for n in range(1, many + 1)]
        started = [_start(running, service, name) for service, name in [*crew, ("beat", "beat")]]
        for member in started:
            member.wait_until_it_works()


def _start(running: Fleet, service: str, name: str) -> Member:
    kind = name.rpartition("-")[0]
    here = Here(running.folder / "services", {f"{kind}@%h": f"{name}@%h"})  # no two workers of a fleet share a name
    told = {variable: text for variable, text in here.environment(service).items() if not _ours(variable)}
    return running.start(name, here.command(service, compose.services()[service]["command"]), **told)


def _ours(variable: str) -> bool:
    """Where things lie is another matter here; what else a service is told holds here too."""
    return variable.startswith("ROLLCALL_")
