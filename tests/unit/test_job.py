"""The job: start times that mean one moment, a file's dialect in either place, and what makes two jobs the same."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest

from worker.errors import InputError
from worker.job import DIALECT, Job, parse

LEAST = {"source": "people.csv", "account": "sandbox"}
NINE = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
UNIX = int(NINE.timestamp())
DIGEST_OF_BEFORE = "cbabeb655424927a2feed7bbfb1e8f28d189ca40e20c7521e0f42bbcd2e31a79"


def job(**said: Any) -> Job:
    return parse({**LEAST, **said})


def refused(data: Any) -> str:
    """The sentence with which a job is refused."""
    with pytest.raises(InputError) as raised:
        parse(data)
    assert raised.value.code == "bad_job"
    sentence = raised.value.message
    assert sentence.startswith("The job's ")
    assert sentence.endswith("; correct it.")
    assert "\n" not in sentence
    return sentence


class TestStart:
    @pytest.mark.parametrize(
        "said",
        [
            "2030-01-07T09:00:00Z",
            "2030-01-07T09:00Z",
            "2030-01-07 09:00:00+00:00",
            "2030-01-07T11:00:00+02:00",
            "2030-01-07T04:00:00-05:00",
            "2030-01-07T14:45:00+05:45",
            "20300107T090000Z",
            "2030-W02-1T09:00:00Z",
            " 2030-01-07T09:00:00Z\n",
            UNIX,
            float(UNIX),
            str(UNIX),
            f" {UNIX} ",
            NINE,
            NINE.astimezone(timezone(timedelta(hours=-7))),
        ],
    )
    def test_one_moment_in_many_words(self, said: Any) -> None:
        start = job(starts_at=said).starts_at
        assert start == NINE
        assert start is not None
        assert start.tzinfo is UTC

    @pytest.mark.parametrize(
        "said", ["2030-01-07T08:59:59.000001Z", "2030-01-07T08:59:59.999Z", UNIX - 0.5, NINE - timedelta(seconds=0.1)]
    )
    def test_a_fraction_is_rounded_up_since_nobody_is_called_before_the_start(self, said: Any) -> None:
        assert job(starts_at=said).starts_at == NINE

    @pytest.mark.parametrize("said", [None, ...])
    def test_none_is_at_once(self, said: Any) -> None:
        assert (job() if said is ... else job(starts_at=said)).starts_at is None

    @pytest.mark.parametrize(
        "said",
        ["2030-01-07T09:00:00", "2030-01-07 09:00", "2030-01-07", "20300107T0900", datetime(2030, 1, 7, 9)],
    )
    def test_a_time_without_a_zone_is_refused(self, said: Any) -> None:
        assert "time zone" in refused({**LEAST, "starts_at": said})

    @pytest.mark.parametrize("said", [UNIX * 1000, str(UNIX * 1000), UNIX * 1e6, 0, 1, -UNIX, "9" * 5000, "20300107"])
    def test_milliseconds_and_the_like_are_refused(self, said: Any) -> None:
        assert "Unix seconds" in refused({**LEAST, "starts_at": said})

    @pytest.mark.parametrize(
        "said",
        ["", " ", "tomorrow", "9:00", "2030-13-01T09:00Z", "2030-01-07T25:00Z", "--5", "²", "٣", "1e9", f"{UNIX}.5"],
    )
    def test_other_words_are_refused(self, said: str) -> None:
        assert "neither ISO 8601 with a zone nor Unix seconds" in refused({**LEAST, "starts_at": said})

    @pytest.mark.parametrize("said", ["1970-01-01T00:00Z", "0001-01-01T00:00+23:59", "9999-12-31T23:59-23:59"])
    def test_another_age_is_refused(self, said: str) -> None:
        assert "before 2000 or after 2100" in refused({**LEAST, "starts_at": said})

    @pytest.mark.parametrize("said", [True, [], {}, [UNIX], float("nan"), float("inf")])
    def test_other_things_are_refused(self, said: Any) -> None:
        assert "starts_at" in refused({**LEAST, "starts_at": said})


class TestDialect:
    @pytest.mark.parametrize(
        ("name", "value"), [("delimiter", "|"), ("encoding", "cp1252"), ("quote", "'"), ("quote", ""), ("escape", "\\")]
    )
    def test_it_may_stand_among_the_options(self, name: str, value: str) -> None:
        told = job(options={name: value, "priority": 3})
        assert getattr(told, name) == value
        assert told.options == {"priority": 3}
        assert told == job(**{name: value}, options={"priority": 3})

    def test_all_of_it(self) -> None:
        assert set(DIALECT) <= set(Job.model_fields)
        told = job(options={"delimiter": ";", "encoding": "utf-16", "quote": "'", "escape": "\\"})
        assert told.options == {}

    def test_said_twice_alike_is_said(self) -> None:
        assert job(delimiter=";", options={"delimiter": ";"}).delimiter == ";"

    @pytest.mark.parametrize("name", ["delimiter", "escape"])
    def test_said_twice_otherwise_is_refused(self, name: str) -> None:
        assert "';'" in refused({**LEAST, name: ",", "options": {name: ";"}})

    @pytest.mark.parametrize("value", ["", ";;", 5, None, ["a"]])
    def test_a_delimiter_is_one_character(self, value: Any) -> None:
        if value is None:
            assert job(delimiter=value).delimiter is None
        else:
            assert "delimiter" in refused({**LEAST, "options": {"delimiter": value}})

    def test_the_options_that_were_given_are_left_alone(self) -> None:
        options = {"delimiter": ";"}
        data = {**LEAST, "options": options}
        parse(data)
        assert (options, data) == ({"delimiter": ";"}, {**LEAST, "options": options})


class TestFields:
    @pytest.mark.parametrize(
        ("said", "field"),
        [
            ({"surprise": 1}, "surprise"),
            ({"Source": "x"}, "Source"),
            ({"source": ""}, "source"),
            ({"source": None}, "source"),
            ({"source": 5}, "source"),
            ({"source": "a\0b"}, "source"),
            ({"source": "//[x/a.csv"}, "source"),
            ({"source": "https://[::1/a.csv"}, "source"),
            ({"source": "caf\udce9.csv"}, "source"),
            ({"account": ""}, "account"),
            ({"account": "a\0b"}, "account"),
            ({"options": [1]}, "options"),
            ({"options": "x"}, "options"),
            ({"phone_column": ""}, "phone_column"),
            ({"region": "us"}, "region"),
            ({"region": "USA"}, "region"),
            ({"quote": "''"}, "quote"),
            ({"idempotency_key": ""}, "idempotency_key"),
            ({"idempotency_key": "k" * 256}, "idempotency_key"),
            ({"idempotency_key": "a\0b"}, "idempotency_key"),
            ({"idempotency_key": 5}, "idempotency_key"),
        ],
    )
    def test_what_is_refused_is_named(self, said: dict[str, Any], field: str) -> None:
        assert refused({**LEAST, **said}).startswith(f"The job's {field} ")

    @pytest.mark.parametrize("missing", ["source", "account"])
    def test_what_is_missing_is_named(self, missing: str) -> None:
        assert missing in refused({name: value for name, value in LEAST.items() if name != missing})

    @pytest.mark.parametrize("options", [None, {}, ...])
    def test_no_options_are_none(self, options: Any) -> None:
        assert (job() if options is ... else job(options=options)).options == {}

    @pytest.mark.parametrize("name", ["a\0b", "\ud800", "a\nb", "x" * 5000])
    def test_a_strange_name_makes_no_strange_sentence(self, name: str) -> None:
        sentence = refused({**LEAST, name: 1})
        assert sentence.isprintable()
        assert len(sentence) < 200

    @pytest.mark.parametrize("code", ["USA", "us", "UK", "XX"])
    def test_what_is_no_country_is_said(self, code: str) -> None:
        assert "not the ISO code of a country, such as US" in refused({**LEAST, "countries": [code]})

    def test_a_value_is_never_repeated(self) -> None:
        assert "secret-key" not in refused({**LEAST, "region": "secret-key"})


class TestDigest:
    same = staticmethod(lambda one, other: one.digest("f" * 64) == other.digest("f" * 64))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({}, {}),
            ({"idempotency_key": "a"}, {"idempotency_key": "b"}),
            ({"source": "/here/people.csv"}, {"source": "https://there/people.csv"}),
            ({"starts_at": UNIX}, {"starts_at": "2030-01-07T11:00:00+02:00"}),
            ({"options": {"a": 1, "b": 2}}, {"options": {"b": 2, "a": 1}}),
            ({"delimiter": ";"}, {"options": {"delimiter": ";"}}),
            ({"options": None}, {}),
        ],
    )
    def test_the_same(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        assert self.same(job(**one), job(**other))

    @pytest.mark.parametrize(
        "other",
        [
            {"account": "another"},
            {"options": {"priority": 2}},
            {"starts_at": UNIX},
            {"phone_column": "phone"},
            {"region": "US"},
            {"only": ["mobile"]},
            {"countries": ["US"]},
            {"continues": "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
            {"window": "any"},
            {"zone_column": "zone"},
            {"pilot": 1},
            {"delimiter": ","},
            {"encoding": "utf-8"},
            {"quote": "'"},
            {"escape": "\\"},
        ],
    )
    def test_another_job(self, other: dict[str, Any]) -> None:
        assert not self.same(job(), job(**other))

    def test_another_file(self) -> None:
        assert job().digest("a" * 64) != job().digest("b" * 64)

    def test_every_field_counts_but_the_key_and_the_place(self) -> None:
        counted = set(job().model_dump()) - {"idempotency_key", "source"}
        told = {"account", "options", "starts_at", "phone_column", "region", "only", "countries", "pilot", *DIALECT}
        assert counted == told | {"window", "zone_column", "continues"}

    def test_a_job_of_before_keeps_its_digest(self) -> None:
        """Whatever fields were added since: its key, used again, must find it."""
        assert job(options={"priority": 2}).digest("a" * 64) == DIGEST_OF_BEFORE

    def test_it_survives_the_database(self) -> None:
        told = job(starts_at=UNIX, options={"delimiter": "|", "name": "Ü"}, region="US")
        assert self.same(Job.model_validate(told.model_dump(mode="json")), told)


SCHEMA = Job.model_json_schema()


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"starts_at": UNIX},
        {"starts_at": "2030-01-07T09:00:00Z"},
        {"options": {"num_attempts": 3}, "region": "US", "idempotency_key": "k"},
    ],
)
def test_the_schema_takes_what_we_take(said: dict[str, Any]) -> None:
    jsonschema.validate({**LEAST, **said}, SCHEMA)
    parse({**LEAST, **said})


@pytest.mark.parametrize("said", [{"surprise": 1}, {"source": ""}, {"region": "usa"}, {"starts_at": True}])
def test_the_schema_refuses_what_we_refuse(said: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**LEAST, **said}, SCHEMA)
    refused({**LEAST, **said})


def test_the_schema_says_what_each_field_is_for() -> None:
    told = SCHEMA["properties"]
    assert all(told[name].get("description") for name in told if name not in ("idempotency_key", "escape"))


@pytest.mark.parametrize("name", ["pilot", "account", "delimiter"])
def test_true_is_no_value(name: str) -> None:
    assert f"The job's {name} cannot be used: it is true or false" in refused({**LEAST, name: True})
