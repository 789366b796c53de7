"""Uploads that find no memory: each says why it waits, none is lost or overtaken, and waiting is no death."""

from tests.house import House, some_numbers
from worker.memory import WAITS, room

LIMIT = 1_000_000_000


def test_an_upload_waits_while_others_hold_the_memory_and_then_goes_through(house: House) -> None:
    house.ctx.settings.intake_memory = LIMIT
    with room(house.ctx.settings.home / "intakes", LIMIT, LIMIT):
        first, second = house.upload(50), house.upload(source=house.file(some_numbers(60, 50), "second.csv"))
        for _ in range(5):
            house.work()
            house.turn(house.ctx.settings.timing.probe_every)
        for ulid, why in ((first, "intake_memory"), (second, "earlier upload")):
            status = house.status(ulid)
            assert (status["state"], status["code"]) == ("received", WAITS)
            assert why in status["message"]
            assert "needs_person" not in status
    assert house.finish(second)["rows"]["accepted"] == 60
    assert house.finish(first)["rows"]["accepted"] == 50
    assert house.sql("SELECT deaths, code FROM upload") == [(0, None), (0, None)]
    assert house.sql("SELECT id FROM chunk WHERE upload_id = 1") < house.sql("SELECT id FROM chunk WHERE upload_id = 2")


def test_without_a_limit_nobody_waits(small_house: House) -> None:
    with room(small_house.ctx.settings.home / "intakes", LIMIT, LIMIT):
        assert small_house.finish(small_house.upload(20))["rows"]["accepted"] == 20
