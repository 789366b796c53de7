import pytest

from worker.sizes import Sizes, fixed, sizes


@pytest.mark.parametrize(
    ("asked", "most", "grows", "wanted"),
    [
        (None, 1_000_000, True, Sizes(10_000, 20_000, 200_000)),
        (None, 15_000, True, Sizes(10_000, 15_000, 200_000)),
        (None, 500, True, Sizes(500, 500, 200_000)),
        (None, 50_000, False, fixed(10_000)),
        (7, 1_000_000, True, fixed(7)),
        (70_000, 50_000, True, fixed(50_000)),
    ],
)
def test_what_an_account_asks_for_holds_for_all_of_a_file(
    asked: int | None, most: int, grows: bool, wanted: Sizes
) -> None:
    assert sizes(asked, most=most, grows=grows) == wanted


def test_a_chunk_is_larger_where_enough_lie_before_it() -> None:
    assert [Sizes(2, 5, 4).at(before) for before in (0, 3, 4, 9)] == [2, 2, 5, 5]
    assert [fixed(3).at(before) for before in (0, 9)] == [3, 3]
