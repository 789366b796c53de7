"""A lease that is kept while work goes on, without asking the database each time that somebody says he lives."""

import math
import time
from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session

from worker.context import Context


class Lost(Exception):
    """It is another's now, or what it was taken for is not so any more: stop."""


def kept(ctx: Context, lease: float, extend: Callable[[Session, datetime], bool]) -> Callable[[], None]:
    """A beat for every step of the work: extends the lease of so many seconds at first, and then a few times in its
    length. The beat raises Lost where `extend`, which is given the time by the database's clock, returns False."""
    renewed = -math.inf

    def beat() -> None:
        nonlocal renewed
        if (moment := time.monotonic()) - renewed < lease / 4:
            return
        with ctx.db.write() as session:
            if not extend(session, ctx.db.now(session)):
                raise Lost
        renewed = moment

    return beat
