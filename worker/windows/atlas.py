"""The zones behind the beginnings of numbers: the library's, put right where its clocks are another country's.

The library gives some countries the zone of a neighbour that had the same time in the year when it was made: Morocco
the Canaries', Algeria that of Paris. Their clocks change on other days, or not at all.
"""

from phonenumbers import tzdata

ZoneSet = tuple[str, ...]

MOSTLY_RUSSIA = tuple(zone for zone in tzdata.TIMEZONE_DATA["7"] if zone != "Europe/Bucharest")
CORRECTED: dict[str, ZoneSet] = {
    "211": ("Africa/Juba",),
    "212": ("Africa/Casablanca", "Africa/El_Aaiun"),
    "213": ("Africa/Algiers",),
    "218": ("Africa/Tripoli",),
    "353": ("Europe/Dublin",),
    "353539253": ("Europe/Dublin",),
    "505": ("America/Managua",),
    "56": ("America/Punta_Arenas", "America/Santiago", "Pacific/Easter"),
    "5661": ("America/Punta_Arenas",),
    "5667": ("America/Punta_Arenas",),
    "675": ("Pacific/Bougainville", "Pacific/Port_Moresby"),
    "7": ("Europe/Kaliningrad", *MOSTLY_RUSSIA),
    "740": ("Europe/Kaliningrad",),
    "7840": ("Asia/Tbilisi", "Europe/Moscow"),
    "970": ("Asia/Gaza", "Asia/Hebron"),
}
ZONES: dict[str, ZoneSet] = tzdata.TIMEZONE_DATA | CORRECTED
LONGEST = max(map(len, ZONES))  # of their beginnings
