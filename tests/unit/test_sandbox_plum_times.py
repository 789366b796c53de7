"""scheduled_time and expiration_time in words."""

import pytest

from sandbox.plum.times import moment

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("now", NOW),
        (" NOW ", NOW),
        ("+3 days", NOW + 259_200),
        ("+1 hour", NOW + 3600),
        ("+90 min", NOW + 5400),
        ("oct 14th, 2011 11:05PM EST", 1_318_651_500),
        ("October 14, 2011 11:05 PM EST", 1_318_651_500),
        ("2011-10-15 04:05:00 UTC", 1_318_651_500),
        ("2011-10-15T04:05:00Z", 1_318_651_500),
        ("2011-10-15T04:05:00+00:00", 1_318_651_500),
        ("10/15/2011 04:05 GMT", 1_318_651_500),
        ("2011-10-15 00:05", 1_318_651_500),
    ],
)
def test_moments(text: str, at: float) -> None:
    assert moment(text, NOW, "eastern") == at


def test_a_time_without_a_zone_may_be_utc() -> None:
    assert moment("2011-10-15 04:05", NOW, "utc") == 1_318_651_500


@pytest.mark.parametrize("text", ["", "soon", "+3", "+3 moons", "32/13/2011", "oct 14th", "-1 day", "++1 day"])
def test_what_cannot_be_read(text: str) -> None:
    assert moment(text, NOW, "eastern") is None
