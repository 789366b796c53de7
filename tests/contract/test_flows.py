"""The main job on every database: a file goes out and every outcome comes back."""

from tests.house import START, House, adds_up
from worker import view
from worker.ingest import ingest


def test_every_contact_is_accepted_once_and_has_an_outcome(house: House) -> None:
    ulid = house.upload(250)
    status = house.finish(ulid)
    assert status["state"] == "finished"
    assert status["rows"] == {**dict.fromkeys(status["rows"], 0), "total": 250, "accepted": 250}
    assert sum(status["outcomes"].values()) == 250
    assert "pending" not in status["outcomes"]
    assert house.provider.ledger["contacts"] == 250
    assert house.provider.ledger["called_twice"] == 0
    assert [one["rows"] for one in status["lists"]] == [250]
    assert house.now > START
    assert adds_up(status)


def test_what_is_read_together_was_so_at_one_moment(house: House) -> None:
    """The counts add up although the file is taken in between two of the statements that read them."""
    ulid = house.upload(250)
    with house.ctx.db.read() as session:
        upload = view.find(session, ulid)
        ingest(house.ctx, ulid)
        status = view.status(session, upload)
    assert adds_up(status)
    assert house.status(ulid)["rows"]["waiting"] == 250
