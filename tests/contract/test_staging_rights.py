"""The rights and the lifecycle rule that docs/operations.md names for S3: they suffice, and none is too many."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from threading import Semaphore
from typing import Any

import pytest
from moto.core import enable_iam_authentication

from tests.chaos.bell_worker import ROOT
from tests.object_store import Answering, Bucket, bucket_at, environment, new_clients, s3, served_s3
from worker.errors import StagingError, Unavailable
from worker.intake import objects
from worker.intake.stage import Staging

PAGE = (ROOT / "docs" / "operations.md").read_text()
NOBODY = "0" * 64
BIG = bytes(12 << 20)


def told(what: str) -> dict[str, Any]:
    """The document that stands behind a mark, for the bucket of these tests."""
    found = re.search(rf"<!-- {what} -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    document: dict[str, Any] = json.loads(found[1].replace("BUCKET", "staging").replace("PREFIX", "of/rollcall"))
    return document


RIGHTS = [action for statement in told("policy")["Statement"] for action in statement["Action"]]


class Store:
    """S3 that knows one user, who may do what a policy says. It takes no third part where `breaks`, once it has the
    others: a part that comes while its upload is given up may be kept."""

    bucket: Bucket
    keys: dict[str, str]
    breaks = False

    def __init__(self) -> None:
        self._taken = Semaphore(0)

    def between(self, app: Answering) -> Answering:
        def answer(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if not (self.breaks and "partNumber=3" in asked["QUERY_STRING"]):
                answered = app(asked, start_response)
                if self.breaks and "partNumber=" in asked["QUERY_STRING"]:
                    self._taken.release()
                return answered
            for _ in range(2):
                self._taken.acquire(timeout=10)
            asked["wsgi.input"].read(int(asked["CONTENT_LENGTH"]))
            start_response("400 Bad Request", [("Content-Type", "application/xml")])
            return [b"<Error><Code>InvalidRequest</Code></Error>"]

        return answer

    def allow(self, *rights: str) -> None:
        policy = told("policy")
        for statement in policy["Statement"]:
            statement["Action"] = [one for one in statement["Action"] if one in rights] or ["s3:Nothing"]
        document = json.dumps(policy)
        s3(self.bucket.url, "iam").put_user_policy(UserName="worker", PolicyName="staging", PolicyDocument=document)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    made = Store()
    with served_s3(made.between) as url:
        made.bucket = bucket_at(url, "staging")
        iam = s3(url, "iam")
        iam.create_user(UserName="worker")
        key = iam.create_access_key(UserName="worker")["AccessKey"]
        made.keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        yield made


def works(staging: Staging, store: Store) -> bool:
    """Whether everything goes that staging ever does; an upload in parts breaks off at its end."""
    try:
        digest = staging.put(b"small")
        assert staging.read(digest) == b"small"
        big = staging.put(BIG)
        with staging.open(big) as stream:
            assert len(stream.read()) == len(BIG)
        with pytest.raises(StagingError):
            staging.read(NOBODY)
        assert set(staging.untouched_since(datetime(2100, 1, 1, tzinfo=UTC))) == {digest, big}
        assert staging.delete_untouched(big, datetime(2100, 1, 1, tzinfo=UTC))
        staging.delete(digest)
        staging.check()
        store.breaks = True
        with pytest.raises(Unavailable):
            staging.put(BIG)
    except Unavailable:
        return False
    finally:
        store.breaks = False
    return True


@pytest.mark.parametrize("without", [None, *RIGHTS])
def test_the_rights_suffice_and_none_is_too_many(
    store: Store, monkeypatch: pytest.MonkeyPatch, without: str | None
) -> None:
    monkeypatch.setattr(objects, "PART_BYTES", 5 << 20)
    store.allow(*(one for one in RIGHTS if one != without))
    for name, value in {**environment(store.bucket.url), **store.keys}.items():
        monkeypatch.setenv(name, value)
    with enable_iam_authentication(), new_clients():
        worked = works(Staging("s3://staging/of/rollcall"), store)
    assert (worked and store.bucket.half_uploaded() == []) is (without is None)


def test_the_lifecycle_rule_takes_what_was_half_uploaded_and_never_an_object(store: Store) -> None:
    lifecycle = told("lifecycle")
    client = store.bucket.client
    client.put_bucket_lifecycle_configuration(Bucket="staging", LifecycleConfiguration=lifecycle)
    assert client.get_bucket_lifecycle_configuration(Bucket="staging")["Rules"] == lifecycle["Rules"]
    (rule,) = lifecycle["Rules"]
    assert set(rule) == {"ID", "Status", "Filter", "AbortIncompleteMultipartUpload"}
