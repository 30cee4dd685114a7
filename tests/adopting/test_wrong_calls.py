"""What cannot be adopted as it was asked for is told in one line, with the exit status of a wrong call."""

import os
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from documents.models import Document
from tests.adopting.older import adopt, call, lay_envelope, older_key_of

pytestmark = pytest.mark.django_db


def test_an_unreadable_map_or_person_is_a_wrong_call(older: Path, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("1,a,b\n")
    wrong = [
        ("--owner-map", tmp_path / "map.csv"),
        ("--owner-map", tmp_path / "none.csv"),
        ("--owner", "nobody"),
        ("--owner", "\udcff"),
        ("--owner", "al\0ice"),
        ("--owner", "alice", "--system"),
    ]
    assert [adopt(older, *arguments).status for arguments in wrong] == [2] * 6


def test_a_map_with_a_field_of_half_a_mebibyte_is_told_in_one_line(older: Path, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text(f"12,alice\n13,{'x' * 2**19}\n")

    answer = adopt(older, "--owner-map", tmp_path / "map.csv")

    assert answer.status == 2
    assert answer.said == (
        f"--owner-map {tmp_path / 'map.csv'}: line 2 is no CSV of two columns: field larger than field limit (131072)."
    )


def test_a_user_name_in_a_map_that_no_database_takes_is_nobody(older: Path, tmp_path: Path) -> None:
    lay_envelope(older, older_key_of(700))
    (tmp_path / "map.csv").write_text("700,al\0ice\n")

    assert adopt(older, "--owner-map", tmp_path / "map.csv").told["causes"] == {"unknown-owner": 2}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--reseal", "local"),
        ("/no/such/directory",),
        (f"/{'x' * 256}",),
        ("\udcff",),
        ("local", "--in-place", "--plain"),
        ("s3://bucket/a", "--credentials", "memory"),
    ],
)
def test_a_wrong_call_is_told(arguments: tuple[str, ...]) -> None:
    assert adopt(*arguments).status == 2


def test_a_directory_that_may_not_be_looked_at_is_a_wrong_call(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of root no mode keeps anything secret: the system's answer is given in its place."""
    is_dir = Path.is_dir

    def refuse(path: Path) -> bool:
        if path == older:
            raise PermissionError(13, "Permission denied")
        return is_dir(path)

    monkeypatch.setattr("documents.services.adopting.places.Path.is_dir", refuse)
    answer = adopt(older)

    assert answer.status == 2
    assert answer.said.startswith(f"{older} cannot be looked at: Permission denied.")


def test_without_anybody_to_confirm_nothing_is_adopted(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has None for a stdin that the shell closed."""
    monkeypatch.setattr("sys.stdin", None)

    answer = call("adopt_documents", older)

    assert (answer.status, answer.said) == (2, "Not confirmed; nothing was changed.")
    assert not Document.objects.exists()


def test_all_is_adopted_though_nobody_reads_the_report(older: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with suppress(BrokenPipeError), os.fdopen(writing, "w", buffering=1) as out:
        call_command("adopt_documents", str(older), "--no-input", "--workers=1", stdout=out, stderr=StringIO())

    assert Document.objects.get().title == "passport"
