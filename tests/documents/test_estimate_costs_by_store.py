"""``estimate_costs`` where there are several stores: failovers, policies, payloads, stores of one's own."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from pytest_django.fixtures import Settings

from documents.conf import StorageFile
from documents.conf.storage_file import FailoverConfig, LocalConfig, OwnConfig, StoreConfig
from documents.models import Attachment, Payload
from documents.services.actors import Actor
from documents.services.downloads import open_download
from documents.services.holdings import Holdings, holdings_by_rows
from documents.services.payloads import dehydrate
from documents.services.traffic import Traffic, traffic_by_audit
from documents.storage.base import StorageProvider
from documents.storage.policies import Policy
from tests.conftest import Store
from tests.documents.test_estimate_costs import printed


def configure_failover(settings: Settings, directory: Path, *, second_copy: bool) -> None:
    """Configure ``both``, which is ``one`` and ``two``."""
    names = ("one", "two")
    members = [(name, LocalConfig(directory / name)) for name in names]
    both: tuple[str, StoreConfig] = ("both", FailoverConfig(names, second_copy=second_copy))
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile(stores=(*members, both)))


@pytest.mark.parametrize(("second_copy", "holding"), [(False, ["one"]), (True, ["one", "two"])])
def test_a_failover_counts_as_its_members(
    store: Store, settings: Settings, tmp_path: Path, second_copy: bool, holding: list[str]
) -> None:
    configure_failover(settings, tmp_path, second_copy=second_copy)
    attachment = store(b"x").current_attachment()
    Attachment.objects.update(storage_type="both")

    assert holdings_by_rows([]) == {name: Holdings(1, attachment.sealed_size) for name in holding}
    traffic = traffic_by_audit(new_documents_go_to="both", part_size=1_000).by_store
    assert sorted(name for name, asked in traffic.items() if asked.put_requests) == holding


def test_downloads_from_a_failover_count_for_its_first_member(
    store: Store, as_alice: Actor, settings: Settings, tmp_path: Path
) -> None:
    attachment = store(b"x" * 100).current_attachment()
    open_download(attachment, as_alice, start=0, stop=100).close()
    configure_failover(settings, tmp_path, second_copy=True)
    Attachment.objects.update(storage_type="both")

    traffic = traffic_by_audit(new_documents_go_to="elsewhere", part_size=1_000).by_store

    assert {name for name, asked in traffic.items() if asked.transfer_out} == {"one"}


def test_payloads_are_counted(alice: User, as_alice: Actor, provider: StorageProvider) -> None:
    dehydrate({"body": "x" * 5_000}, attribution="reports", owner=alice, actor=as_alice)
    payload = Payload.objects.get()

    assert holdings_by_rows([]) == {provider.name: Holdings(1, payload.sealed_size)}
    traffic = traffic_by_audit(new_documents_go_to="elsewhere", payloads_go_to=provider.name, part_size=10_000).by_store
    assert traffic[provider.name].put_requests > 0
    assert traffic["elsewhere"] == Traffic()


def test_uploads_count_where_the_policy_of_documents_puts_them(
    store: Store, settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store(b"x")
    archive, rules = ("archive", LocalConfig(tmp_path)), (Policy("documents", store="archive"),)
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile(stores=(archive,), policies=rules))

    asked = {found["store"]: found["month"]["put_requests"] for found in printed(capsys)["stores"]}

    assert asked.pop("archive") > 0
    assert set(asked.values()) == {0}


def test_a_store_without_a_price_table_is_a_line_of_the_report(
    store: Store, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    own = OwnConfig("documents.storage.memory.MemoryProvider", ())
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile(stores=(("own", own),)))
    store(b"x")
    Attachment.objects.update(storage_type="own")

    [found] = printed(capsys, "--store", "own")["stores"]
    call_command("estimate_costs")

    assert (found["rows"]["objects"], found["estimates"]) == (1, [])
    assert found["note"] == "No price table is meant for the store 'own': name one by --table."
    text = capsys.readouterr().out
    assert found["note"] in text
    assert f"{settings.VAULT.storage_type}: " in text, "the others are told all the same"
    [found] = printed(capsys, "--store", "own", "--table", "own-hardware")["stores"]
    assert (found["note"], len(found["estimates"])) == ("", 1)


def test_a_failover_is_asked_for_by_its_name(
    store: Store, settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    configure_failover(settings, tmp_path, second_copy=True)

    assert [found["store"] for found in printed(capsys, "--store", "both")["stores"]] == ["one", "two"]
