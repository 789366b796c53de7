"""The web application: the control endpoints, and each provider's real paths at the root.

A provider brings a `routes()` of its own; another one is one more line here.
"""

from starlette.applications import Starlette

from sandbox import control
from sandbox.refusals import ControlError
from sandbox.state import Sandbox
from sandbox.voximplant import routes as voximplant


def create_app(sandbox: Sandbox) -> Starlette:
    app = Starlette(
        routes=[*control.routes(), *voximplant.routes()],
        exception_handlers={ControlError: control.refused},
    )
    app.state.sandbox = sandbox
    return app
