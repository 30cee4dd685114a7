"""What a path says of a document."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from documents.errors import SourceRefused
from documents.services.adopting.names import Told, is_named_as_envelope, told_by
from documents.services.adopting.owners import Owners, read_owner_map

DAY = datetime(2024, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "filename"),
    [
        ("1_passport.pdf_pdf.json", "passport.pdf"),
        ("17_tax_return_2023.PDF_pdf.json", "tax_return_2023.PDF"),
        ("2_scan_pdf.json", "scan.pdf"),
        ("3_archive.tar.gz_gz.json", "archive.tar.gz"),
        ("4_notes_.json", "notes"),
        ("5_minutes_of_may.json", "minutes_of_may"),
        ("6_6_pages.txt_txt.json", "6_pages.txt"),
        ("report.json", "report"),
        ("7_data.json_json.json", "data.json"),
    ],
)
def test_the_name_of_the_document_is_found_in_the_name_of_the_file(name: str, filename: str) -> None:
    assert told_by(f"documents/user_1/2024/01/15/{name}", is_envelope=True).filename == filename


def test_a_plain_file_keeps_its_name() -> None:
    assert told_by("user_1/1_passport.pdf_pdf.json", is_envelope=False).filename == "1_passport.pdf_pdf.json"


@pytest.mark.parametrize(
    ("path", "owner_id", "is_system", "made_at"),
    [
        ("documents/user_123/2024/01/15/a", 123, False, DAY),
        ("backup/documents/user_123/2024/01/15/deeper/a", 123, False, DAY),
        ("user_1/shared/user_2/a", 2, False, None),
        ("documents/system/2024/01/15/a", None, True, DAY),
        ("system/files/a", None, False, None),
        ("2024/01/15/a", None, False, DAY),
        ("documents/user_5/2024/13/15/a", 5, False, None),
        ("documents/user_5/2024/02/30/a", 5, False, None),
        ("documents/user_x/2024/1/15/a", None, False, None),
        ("user_7", None, False, None),
    ],
)
def test_owner_and_date_are_found_in_the_path(
    path: str, owner_id: int | None, is_system: bool, made_at: datetime | None
) -> None:
    told = told_by(path, is_envelope=False)

    assert (told.owner_id, told.is_system, told.made_at) == (owner_id, is_system, made_at)


@pytest.mark.parametrize(
    ("key", "is_envelope"),
    [("a/1_passport.pdf_pdf.json", True), ("1_notes_.json", True), ("settings.json", False), ("1_a_b.txt", False)],
)
def test_an_envelope_is_known_by_its_name(key: str, is_envelope: bool) -> None:
    assert is_named_as_envelope(key) is is_envelope


def told(owner_id: int | None = None, *, is_system: bool = False) -> Told:
    return Told("a.pdf", owner_id, is_system)


def reason(owners: Owners, what: Told) -> str:
    with pytest.raises(SourceRefused) as refused:
        owners.owner_of(what)
    return refused.value.reason


def test_the_id_of_the_path_is_the_id_of_a_person_here(alice: User) -> None:
    assert Owners().owner_of(told(alice.pk)) == alice
    assert reason(Owners(), told(10**17)) == "unknown-owner"


def test_with_a_map_that_alone_counts(alice: User, bob: User) -> None:
    owners = Owners({alice.pk: "bob", 77: "nobody here"})

    assert owners.owner_of(told(alice.pk)) == bob
    assert reason(owners, told(bob.pk)) == "unknown-owner", "the same number may have been somebody else's"
    assert reason(owners, told(77)) == "unknown-owner"


def test_who_is_not_here_is_the_system_only_where_it_is_said(alice: User) -> None:
    assert Owners(to_system=True).owner_of(told(10**17)) is None
    assert Owners(to_system=True).owner_of(told(alice.pk)) == alice
    assert Owners().owner_of(told(is_system=True)) is None


def test_what_names_nobody_needs_an_owner(alice: User) -> None:
    assert reason(Owners(), told()) == "no-owner"
    assert Owners(fallback=alice).owner_of(told()) == alice
    assert Owners(to_system=True).owner_of(told()) is None
    assert reason(Owners(fallback=alice), told(10**17)) == "unknown-owner", "a fallback is not for other people's"


def test_the_map_is_read_with_and_without_a_head(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    for text in ("old id,user\r\n12,alice\r\n\r\n13,bob\r\n", "\ufeff12,alice\n13, bob\n12,alice\n"):
        path.write_text(text, encoding="utf-8")
        assert read_owner_map(path) == {12: "alice", 13: "bob"}


@pytest.mark.parametrize(
    "text", ["12,alice\nx,bob\n", "12,alice\n12,bob\n", "12\n", "1,a,b\n", "12,\n", f"{'1' * 5_000},a\n"]
)
def test_a_map_that_is_none_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"line [12]"):
        read_owner_map(path)
