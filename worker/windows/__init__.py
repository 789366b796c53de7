"""Calling windows: when a contact may be called where they are, and what that is in UTC for as long as we may call."""

from worker.windows.hours import Hours, read_hours
from worker.windows.legal import Rules, load_rules
from worker.windows.plan import SENTENCES, Fault, Plan
from worker.windows.summary import Line, Summary, summed
from worker.windows.window import Window
from worker.windows.zones import zones_named, zones_of

__all__ = [
    "SENTENCES",
    "Fault",
    "Hours",
    "Line",
    "Plan",
    "Rules",
    "Summary",
    "Window",
    "load_rules",
    "read_hours",
    "summed",
    "zones_named",
    "zones_of",
]
