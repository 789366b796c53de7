"""Encodings, delimiters and headers: what a file turns out to be, and what is refused as a whole."""

import codecs
import io
from pathlib import Path

import pytest

from tests.unit.intake_case import phone, taking
from worker.errors import InputError
from worker.intake.dialect import Dialect
from worker.intake.header import column_named, resolve_phone_column
from worker.intake.opened import peek


def columns(data: bytes, **dialect: str) -> list[str]:
    return peek(io.BytesIO(data), Dialect(**dialect))


def refusal(data: bytes, **dialect: str) -> InputError:
    with pytest.raises(InputError) as caught:
        columns(data, **dialect)
    return caught.value


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_are_found_under_every_line_end(delimiter: str, end: str) -> None:
    text = end.join([delimiter.join(("name", "phone")), delimiter.join(("a", "1")), ""])
    assert columns(text.encode()) == ["name", "phone"]


def test_the_delimiter_is_the_one_that_the_rows_agree_with() -> None:
    assert columns(b"name;phone, mobile\nAda;1\nBob, jr;2\nCid;3\n") == ["name", "phone, mobile"]
    assert columns(b'"a;b;c;d",phone\nx,1\ny,2\n') == ["a;b;c;d", "phone"]
    assert columns(b"phone\n+1 334\n") == ["phone"]


def test_utf16_without_a_mark_is_read_as_little_endian() -> None:
    assert columns("phone,name\n1,2\n".encode("utf-16-le"), encoding="UTF-16") == ["phone", "name"]


def test_a_declared_delimiter_wins() -> None:
    assert columns(b"a,b;phone\n1,2;3\n", delimiter=";") == ["a,b", "phone"]


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
def test_a_byte_order_mark_tells_the_encoding_and_is_dropped(mark: bytes, encoding: str) -> None:
    data = mark + "phone,città\n+1,Ж\n".encode(encoding)
    assert columns(data) == ["phone", "città"]
    assert columns(data, encoding=encoding) == ["phone", "città"]


def test_declared_encodings_reach_the_payload_as_utf8(tmp_path: Path) -> None:
    for encoding, name in (("cp1251", "Жанна"), ("cp1252", "Zoë"), ("shift_jis", "山田"), ("utf-16", "Ωmega")):
        data = f"phone,name\r\n{phone(1)},{name}\r\n".encode(encoding)
        taken = taking(tmp_path)(data, dialect=Dialect(encoding=encoding))
        assert [row["name"] for row in taken.sent()] == [name]


def test_undecodable_bytes_cost_their_own_row_only(tmp_path: Path) -> None:
    good = [f"{phone(n)},山\n".encode("shift_jis") for n in range(4)]
    data = b"phone,name\n" + good[0] + f"{phone(8)},".encode() + b"\x81\n" + good[1] + b"\x81\xff,x\n" + good[2]
    taken = taking(tmp_path)(data, dialect=Dialect(encoding="shift_jis"))
    assert [entry["row"] for entry in taken.index()] == [1, 3, 5]
    assert taken.codes() == {2: "unreadable", 4: "unreadable"}


def test_a_lone_surrogate_in_utf16_costs_its_own_row_only(tmp_path: Path) -> None:
    rows = [f"{phone(1)},a\n", f"{phone(2)},\ud800\n", f"{phone(3)},c\n"]
    data = "phone,name\n".encode("utf-16") + "".join(rows).encode("utf-16-le", "surrogatepass")
    assert taking(tmp_path)(data).codes() == {2: "unreadable"}


def test_utf8_is_taken_as_it_is_and_other_bytes_cost_their_row(tmp_path: Path) -> None:
    data = f"phone,name\n{phone(1)},Zoë\n".encode() + f"{phone(2)},Zoë\n".encode("cp1252") + f"{phone(3)},z\n".encode()
    taken = taking(tmp_path)(data)
    assert [entry["row"] for entry in taken.index()] == [1, 3]
    assert taken.rejects()[0]["text"] == f"{phone(2)},Zoë".encode("cp1252")


@pytest.mark.parametrize("name", ["klingon", "hex", "idna", "", "utf\0"])
def test_an_unknown_encoding_is_refused(name: str) -> None:
    assert refusal(b"phone\n1\n", encoding=name).code == "unknown_encoding"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\n\r\n\r", "empty_file"),
        (codecs.BOM_UTF8, "empty_file"),
        (b"phone,name\n", "no_rows"),
        (b"phone,name", "no_rows"),
        (b"phone,name\n\n\r\n", "no_rows"),
        (b"phone,__start_at,__start_at\n1,2,3\n", "duplicate_columns"),
        (b"phone,call_schedule,call_schedule\n1,2,3\n", "duplicate_columns"),
        (b'phone,"name\n1,2\n', "unbalanced_quote"),
        (b'phone,"' + b"x\n" * 200, "unbalanced_quote"),
    ],
)
def test_files_refused_as_a_whole(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_a_header_in_another_encoding_than_was_declared_is_refused() -> None:
    assert refusal(b"phone,caf\xe9\n1,2\n", encoding="utf-8").code == "undecodable_header"


@pytest.mark.parametrize("dialect", [{"delimiter": ",,"}, {"delimiter": "¦"}, {"quote": ","}, {"escape": "\n"}])
def test_impossible_dialects_are_refused(dialect: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        Dialect(**{"delimiter": ",", **dialect})
    assert caught.value.code == "bad_dialect"


def test_blank_lines_before_the_header_are_passed_over(tmp_path: Path) -> None:
    taken = taking(tmp_path)(f"\n\r\nphone\n{phone(1)}\n")
    assert taken.intake.columns == ["phone"]
    assert taken.index()[0]["line"] == 4


def test_a_header_may_hold_line_ends_and_be_longer_than_a_block(tmp_path: Path) -> None:
    taken = taking(tmp_path)(f'"first\nname","{"x" * 500}",phone\na,b,{phone(1)}\n', block_bytes=16)
    assert taken.intake.columns == ["first\nname", "x" * 500, "phone"]
    assert taken.index()[0]["line"] == 3


def test_nameless_columns_get_names_that_are_free() -> None:
    assert columns(b"column_2,,phone, \n1,2,3,4\n") == ["column_2", "column_2_", "phone", "column_4"]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (b"phone,note,note", ["phone", "note_1", "note_2"]),
        (b"note,phone,note,note_1", ["note_1_", "phone", "note_2", "note_1"]),
        (b"phone,Note,note", ["phone", "Note", "note"]),
        (b"phone,,", ["phone", "column_2", "column_3"]),
    ],
)
def test_columns_of_one_name_are_numbered(header: bytes, names: list[str]) -> None:
    assert columns(header + b"\n1" + b",x" * (len(names) - 1) + b"\n") == names


def test_of_two_phone_columns_none_is_taken_for_the_one() -> None:
    names = columns(b"phone,phone\n1,2\n")
    for wanted in ("phone", None):
        with pytest.raises(InputError) as caught:
            resolve_phone_column(names, wanted)
        assert caught.value.code == "no_phone_column"
    assert resolve_phone_column(names, "phone_2") == "phone_2"


@pytest.mark.parametrize("named", [b"sep=;\n", b"SEP=;\r\n", b"\xef\xbb\xbfsep=;\r"])
def test_the_line_in_which_excel_names_the_delimiter_is_no_header(tmp_path: Path, named: bytes) -> None:
    taken = taking(tmp_path)(named + f"a,b;phone\nx,y;{phone(1)}\n".encode())
    assert taken.intake.columns == ["a,b", "phone"]
    assert taken.index()[0]["line"] == 3
    assert columns(b"sep=;\na,b\n1,2\n", delimiter=",") == ["a", "b"]


def test_apostrophes_are_quotes_where_the_cells_stand_in_them(tmp_path: Path) -> None:
    taken = taking(tmp_path)(f"'name','phone'\n'Ada, the first','{phone(1)}'\n'O''Brien','{phone(2)}'\n")
    assert [row["name"] for row in taken.sent()] == ["Ada, the first", "O'Brien"]
    plain = taking(tmp_path)(f"name,phone\n'Ada',{phone(1)}\n't Hooft,{phone(2)}\nBob,{phone(3)}\n")
    assert [row["name"] for row in plain.sent()] == ["'Ada'", "'t Hooft", "Bob"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["Ada", "Жанна", "山田"])
def test_utf16_shows_without_a_mark_and_without_being_declared(tmp_path: Path, encoding: str, name: str) -> None:
    taken = taking(tmp_path)(f"phone,name\r\n{phone(1)},{name}\r\n".encode(encoding))
    assert [row["name"] for row in taken.sent()] == [name]
    assert taken.intake.dialect.encoding == encoding


@pytest.mark.parametrize("rows", [b"\0\n\0\n", b"a,\0b\n" * 5, b"\0" * 9 + b",\n", b"+1\0,x\n\0\0,y\n"])
def test_zero_bytes_alone_make_no_utf16(rows: bytes) -> None:
    for header in (b"phone,00 more\n", b"phone,name\n"):
        assert columns(header + rows)[0] == "phone"


@pytest.mark.parametrize("block_bytes", [50, 4 << 20])
def test_an_encoding_that_shows_late_is_found_late(tmp_path: Path, block_bytes: int) -> None:
    rows = "".join(f"{phone(n)},Person\n" for n in range(300)) + f"{phone(400)},Zoë Müller\n{phone(401)},François\n"
    taken = taking(tmp_path)(("phone,name\n" + rows).encode("cp1252"), block_bytes=block_bytes)
    assert [row["name"] for row in taken.sent()][-2:] == ["Zoë Müller", "François"]
    assert taken.intake.dialect.encoding == "cp1252"


def test_a_wider_encoding_is_meant_by_the_name_of_the_narrow_one(tmp_path: Path) -> None:
    for declared, used, name in (
        ("shift_jis", "cp932", "㈱髙橋"),
        ("gb2312", "gb18030", "朱镕基"),
        ("latin-1", "cp1252", "–"),
    ):
        taken = taking(tmp_path)(f"phone,name\n{phone(1)},{name}\n".encode(used), dialect=Dialect(encoding=declared))
        assert [row["name"] for row in taken.sent()] == [name]


@pytest.mark.parametrize(
    "name",
    [
        *(" __start_at", "__START_AT", "\u00a0__start_at", "\ufeff__start_at", "__startAt"),
        *("__Task_UUID", "__start execution time", " call_schedule", "Next_Attempt_Time"),
    ],
)
def test_a_name_that_is_nearly_one_that_says_when_to_call_is_refused(name: str) -> None:
    refused = refusal(f"phone,{name}\n{phone(1)},2000000000\n".encode())
    assert refused.code == "misspelt_column"


@pytest.mark.parametrize("name", ["start_at", "__start", "Call Schedule", "start execution time"])
def test_a_name_of_the_users_own_is_theirs(name: str) -> None:
    assert columns(f"phone,{name}\n1,2\n".encode()) == ["phone", name]


@pytest.mark.parametrize("first", ["+13347930001", "(334) 793-0001", "3347930001", " 030/1234567 "])
@pytest.mark.parametrize("wanted", [None, "phone", "the first"])
def test_a_contact_is_no_header(first: str, wanted: str | None) -> None:
    names = ["Ada", first]
    with pytest.raises(InputError) as caught:
        resolve_phone_column(names, first if wanted == "the first" else wanted)
    assert caught.value.code == "no_header"
    assert first.strip() not in caught.value.message


def test_a_date_may_be_a_name() -> None:
    assert resolve_phone_column(["Phone", "2030-01-31"], None) == "Phone"
    with pytest.raises(InputError, match="2030-01-31"):
        resolve_phone_column(["Name", "2030-01-31"], None)
    with pytest.raises(InputError) as caught:
        column_named(["Phone", "+13347930001"], "zone")
    assert "334" not in caught.value.message


def test_names_keep_their_spaces_and_case() -> None:
    assert columns(b" Name ,__custom,Phone,phone\n1,2,3,4\n") == [" Name ", "__custom", "Phone", "phone"]


@pytest.mark.parametrize(
    ("names", "wanted", "found"),
    [
        (["Phone", "phone"], "phone", "phone"),
        (["NAME", "TELEPHONE"], "telephone", "TELEPHONE"),
        (["NAME", "TELEPHONE"], None, "TELEPHONE"),
        (["id", "Phone Number"], None, "Phone Number"),
        (["id", "MSISDN"], None, "MSISDN"),
        (["id", " tel. "], None, " tel. "),
    ],
)
def test_the_phone_column_is_found(names: list[str], wanted: str | None, found: str) -> None:
    assert resolve_phone_column(names, wanted) == found


@pytest.mark.parametrize(
    ("names", "wanted"),
    [(["name", "city"], None), (["phone", "mobile"], None), (["name"], "phone"), (["Phone", "PHONE"], "phone")],
)
def test_without_a_clear_phone_column_the_columns_are_named(names: list[str], wanted: str | None) -> None:
    with pytest.raises(InputError) as caught:
        resolve_phone_column(names, wanted)
    assert caught.value.code == "no_phone_column"
    assert caught.value.message.endswith(f"The columns are: {', '.join(names)}.")
