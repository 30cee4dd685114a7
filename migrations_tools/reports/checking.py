"""Whether a file is a report as this vault signed it: byte for byte."""

import json
from base64 import b64decode
from dataclasses import dataclass

from documents.errors import VaultError
from documents.services.report_signatures import has_signed_report, known_origin_keys
from migrations_tools.reports.json_body import Body, canonical, exported

# What every report has in it. Two of them make a damaged report out of what cannot be read at all.
_MARKS = (b'"schema_version"', b'"failed_items"', b'"throughput"', b'"duration_ms"')


class NotAReport(VaultError):
    """The file was never the JSON of a report."""

    code = "not-a-report"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``words`` say what was found, for people."""

    is_right: bool
    words: str


def check_report(file: bytes) -> Verdict:
    """Check the JSON form of a report: its signature, and that not one byte of the file is another.

    Raises NotAReport, and ConfigurationError or KeyRingError where the vault's keys cannot be read.
    """
    if sum(mark in file for mark in _MARKS) < 2:
        raise NotAReport("This is not the JSON of a migration's report.")
    try:
        whole = json.loads(file)
        body = {name: value for name, value in whole.items() if name != "signature"}
        signed, as_exported = canonical(body).encode(), exported(body, whole.get("signature")).encode()
    except (ValueError, AttributeError, RecursionError):
        return Verdict(is_right=False, words="The report is damaged: it is no JSON any more.")
    if whole.get("signature") is None:
        return Verdict(is_right=False, words="The report is not signed.")
    return _verdict(whole["signature"], signed, is_same=file == as_exported, run=_run_of(body))


def _verdict(member: object, signed: bytes, *, is_same: bool, run: object) -> Verdict:
    signature = _signature(member)
    if signature is None:
        return Verdict(is_right=False, words="The signature is damaged: it is no Ed25519 signature any more.")
    known = known_origin_keys()
    key, value = signature
    if key not in known:
        words = f"The report is signed by another key, {key}. This vault's is {', '.join(known)}."
        return Verdict(is_right=False, words=words)
    if not has_signed_report(key, value, signed):
        return Verdict(is_right=False, words="The report is not what was signed: it was changed, or forged.")
    if not is_same:
        words = "The members are as they were signed, but the file is not byte for byte the one that was written."
        return Verdict(is_right=False, words=words)
    return Verdict(is_right=True, words=f"The report of run {run} is right: signed by this vault's key {key}.")


def _signature(member: object) -> tuple[str, bytes] | None:
    """The key's name and the 64 bytes."""
    if not isinstance(member, dict) or set(member) != {"algorithm", "key", "value"}:
        return None
    key, value = member["key"], member["value"]
    if member["algorithm"] != "Ed25519" or not isinstance(key, str) or not isinstance(value, str):
        return None
    try:
        return key, b64decode(value, validate=True)
    except ValueError:
        return None


def _run_of(body: Body) -> object:
    run = body.get("run")
    return run.get("id") if isinstance(run, dict) else None
