"""The cases of csv-spectrum, which every reader of CSV should pass, typed anew: the header, then the rows, as cells."""

import io

import numpy as np
import pytest

from worker.intake.dialect import Dialect
from worker.intake.read import Reading

JSON = '{"type": "Point", "coordinates": [102.0, 0.5]}'
CASES: dict[str, tuple[str, list[list[str]]]] = {
    "comma in quotes": ('a,b\nJohn,"120 any st., Anytown"\n', [["a", "b"], ["John", "120 any st., Anytown"]]),
    "empty": ('a,b,c\n1,"",""\n2,3,4\n', [["a", "b", "c"], ["1", "", ""], ["2", "3", "4"]]),
    "empty, CR LF": ('a,b,c\r\n1,"",""\r\n2,3,4\r\n', [["a", "b", "c"], ["1", "", ""], ["2", "3", "4"]]),
    "escaped quotes": ('a,b\n1,"ha ""ha"" ha"\n3,4\n', [["a", "b"], ["1", 'ha "ha" ha'], ["3", "4"]]),
    "JSON": (f'key,val\n1,"{JSON.replace(chr(34), chr(34) * 2)}"\n', [["key", "val"], ["1", JSON]]),
    "location": ('lat,place\n"37.776289, -122.395234",here\n', [["lat", "place"], ["37.776289, -122.395234", "here"]]),
    "newlines": (
        'a,b,c\n1,2,3\n"Once upon \na time",5,6\n7,8,9\n',
        [["a", "b", "c"], ["1", "2", "3"], ["Once upon \na time", "5", "6"], ["7", "8", "9"]],
    ),
    "newlines, CR LF": (
        'a,b,c\r\n1,2,3\r\n"Once upon \r\na time",5,6\r\n7,8,9\r\n',
        [["a", "b", "c"], ["1", "2", "3"], ["Once upon \r\na time", "5", "6"], ["7", "8", "9"]],
    ),
    "quotes and newlines": (
        'a,b\n1,"ha \n""ha"" \nha"\n3,4\n',
        [["a", "b"], ["1", 'ha \n"ha" \nha'], ["3", "4"]],
    ),
    "simple": ("a,b,c\n1,2,3\n", [["a", "b", "c"], ["1", "2", "3"]]),
    "simple, CR LF": ("a,b,c\r\n1,2,3\r\n", [["a", "b", "c"], ["1", "2", "3"]]),
    "UTF-8": ("a,b,c\n1,2,3\n4,5,ʤ\n", [["a", "b", "c"], ["1", "2", "3"], ["4", "5", "ʤ"]]),
}


@pytest.mark.parametrize("block_bytes", [7, 1 << 20])
@pytest.mark.parametrize("name", CASES)
def test_a_case_is_read_as_it_is_meant(name: str, block_bytes: int) -> None:
    text, wanted = CASES[name]
    reading = Reading(io.BytesIO(text.encode()), Dialect(), block_bytes=block_bytes)
    blocks = list(reading.blocks())
    rows = [list(row) for block in blocks for row in block.cells.rows(np.arange(block.cells.height)).rows()]
    assert [reading.columns, *rows] == wanted
    assert not any(len(block.flaws) for block in blocks)
