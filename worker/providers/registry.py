"""Which providers there are."""

from worker.providers import formant, kore, plum, voximplant
from worker.providers.base import Kind

KINDS: dict[str, Kind] = {
    "voximplant": voximplant.KIND,
    "plum": plum.KIND,
    "formant": formant.KIND,
    "kore": kore.KIND,
}
