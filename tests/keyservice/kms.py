"""A vault's key service in AWS KMS, as a server of our own plays it."""

from datetime import timedelta

from documents.conf.key_service import AwsKms
from tests.encryption.keys import KEKS
from tests.services.fake_kms import REGION, FakeKms, arn

PRIMARY, STRANGER = KEKS["primary"].kek_id, KEKS["stranger"].kek_id


def at(kms: FakeKms, *names: str) -> AwsKms:
    return AwsKms(tuple(arn(name) for name in names), REGION, kms.url, timedelta(seconds=20))
