"""The S3 client for HCP: path-style addresses, and no search for a region when HCP answers with a redirect."""

from typing import TYPE_CHECKING, Any

from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def hcp_config(theirs: Config | None = None) -> Config:
    """Return ``theirs`` with path-style addresses.

    ``https://<tenant>.<hcp>/<namespace>``: the other style needs a name and a certificate for every namespace.
    """
    given = theirs or Config()
    options: Any = {**(getattr(given, "s3", None) or {}), "addressing_style": "path"}
    return given.merge(Config(s3=options))


def without_redirector(client: "S3Client") -> None:
    """Keep ``client`` from following redirects to other regions. May be called again.

    HCP has no regions, and its redirects lead elsewhere (a console, the system that replaces this one). botocore would
    take each for a bucket in another region, ask for it with more requests, and sign again. It has no option for that;
    it leaves a request alone that it redirected before, so every request is marked as such.
    """
    client.meta.events.register_last(
        "before-parameter-build.s3", _mark_as_redirected, unique_id="documents.storage.hcp.no-redirector"
    )


def _mark_as_redirected(context: dict[str, Any], **_: Any) -> None:
    context.setdefault("s3_redirect", {})["redirected"] = True
