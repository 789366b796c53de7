"""The web application: the control endpoints, and each provider's real paths at the root.

A provider brings a `routes()` of its own; another one is one more line here.
"""

from starlette.applications import Starlette

from sandbox import control
from sandbox.formant import routes as formant
from sandbox.kore import routes as kore
from sandbox.plum import routes as plum
from sandbox.refusals import ControlError
from sandbox.state import Sandbox
from sandbox.voximplant import routes as voximplant


def create_app(sandbox: Sandbox) -> Starlette:
    app = Starlette(
        routes=[*control.routes(), *voximplant.routes(), *plum.routes(), *formant.routes(), *kore.routes()],
        exception_handlers={ControlError: control.refused},
    )
    app.state.sandbox = sandbox
    return app
