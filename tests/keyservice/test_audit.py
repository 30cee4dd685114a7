"""The audit file: whose it is, and lines that stay whole whatever the disk does."""

import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from documents.errors import ConfigurationError
from documents.keyservice.audit import AuditFile


def short_writes(*lengths: int) -> Callable[[int, bytes], int]:
    """Writes so many bytes of each line in turn, as a disk does that is full; afterwards all."""
    left, write = list(lengths), os.write
    return lambda file, data: write(file, data[: left.pop(0)] if left else data)


def test_a_line_after_one_that_was_cut_off_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(AuditFile(tmp_path / "audit")) as audit:
        monkeypatch.setattr(os, "write", short_writes(0, 10, 0))
        for _ in range(3):
            with pytest.raises(OSError, match="bytes were written"):
                audit.write(outcome="asked")
        audit.write(outcome="given")
        audit.write(outcome="asked")

    torn, *whole = (tmp_path / "audit").read_text().splitlines()
    assert len(torn) == 10
    assert [json.loads(line)["outcome"] for line in whole] == ["given", "asked"]


def test_a_file_that_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    path.touch()
    for mode in (0o620, 0o602, 0o666):
        path.chmod(mode)
        with pytest.raises(ConfigurationError, match="others may write"):
            AuditFile(path)
    path.chmod(0o640)
    AuditFile(path).close()


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "audit").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        AuditFile(tmp_path / "audit")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit"
    path.touch(mode=0o600)
    if os.geteuid() == 0:
        os.chown(path, 4242, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4242)

    with pytest.raises(ConfigurationError, match="belongs to another user"):
        AuditFile(path)


def test_it_goes_on_in_the_old_file_where_the_new_one_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    with closing(AuditFile(path)) as audit:
        path.rename(tmp_path / "old")
        path.touch()
        path.chmod(0o666)
        with pytest.raises(ConfigurationError):
            audit.reopen()
        audit.write(outcome="given")

    assert "given" in (tmp_path / "old").read_text()
