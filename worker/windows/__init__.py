"""Calling windows: when a contact may be called where they are, and what that is in UTC for as long as we may call."""

from worker.windows.asked import Asked, hours_within, is_asked
from worker.windows.hours import Hours, read_hours
from worker.windows.legal import Rules, load_rules
from worker.windows.plan import SENTENCES, Fault, Plan, Planned
from worker.windows.summary import Line, Summary, summed
from worker.windows.window import Window
from worker.windows.written import read_daily, read_schedule
from worker.windows.zones import zones_named, zones_of

__all__ = [
    "SENTENCES",
    "Asked",
    "Fault",
    "Hours",
    "Line",
    "Plan",
    "Planned",
    "Rules",
    "Summary",
    "Window",
    "hours_within",
    "is_asked",
    "load_rules",
    "read_daily",
    "read_hours",
    "read_schedule",
    "summed",
    "zones_named",
    "zones_of",
]
