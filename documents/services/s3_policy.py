"""What a bucket of the vault needs at the store: printed, so that nobody writes it by hand.

The least that the S3 provider works with (Amazon's Service Authorization Reference, "Actions, resources, and condition
keys for Amazon S3").
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from documents.conf import S3Config

# Parts of uploads that were abandoned cost room and show in no listing.
ABANDONED_DAYS = 3

_OBJECT_ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
_BUCKET_ACTIONS = ("s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketVersioning")
_VERSION_ACTIONS = ("s3:GetObjectVersion", "s3:DeleteObjectVersion", "s3:ListBucketVersions")


@dataclass(frozen=True, slots=True)
class BucketDocuments:
    """IAM policy, CORS and lifecycle configuration, in the shapes of the store's API."""

    policy: dict[str, Any]
    cors: dict[str, Any]
    lifecycle: dict[str, Any]


def origins_of_pages() -> list[str]:
    """Return the origins under which browsers reach the vault: CSRF_TRUSTED_ORIGINS, or else ALLOWED_HOSTS.

    Those are by HTTPS and its port; where VAULT_HTTPS is false, by HTTP.
    """
    scheme = "https" if settings.HTTPS else "http"
    return list(settings.CSRF_TRUSTED_ORIGINS) or [f"{scheme}://{host}" for host in settings.ALLOWED_HOSTS]


def bucket_documents(config: S3Config, *, origins: list[str], with_versions: bool = False) -> BucketDocuments:
    """Return what ``config``'s bucket needs.

    ``origins`` are those of the vault's pages, for browsers that will talk to the store. ``with_versions`` allows to
    see and remove earlier versions too, which only a bucket with versioning needs.
    """
    bucket = f"arn:aws:s3:::{config.bucket}"
    prefix = f"{config.prefix}/" if config.prefix else ""
    objects = (*_OBJECT_ACTIONS, *(_VERSION_ACTIONS[:2] if with_versions else ()))
    listings = (*_BUCKET_ACTIONS, *(_VERSION_ACTIONS[2:] if with_versions else ()))
    return BucketDocuments(
        policy={
            "Version": "2012-10-17",
            "Statement": [
                {"Sid": "VaultObjects", "Effect": "Allow", "Action": list(objects), "Resource": f"{bucket}/{prefix}*"},
                {"Sid": "VaultListings", "Effect": "Allow", "Action": list(listings), "Resource": bucket},
            ],
        },
        cors={
            "CORSRules": [
                {
                    "AllowedOrigins": origins,
                    "AllowedMethods": ["GET", "PUT"],
                    "AllowedHeaders": ["content-type", "if-none-match", "range", "x-amz-checksum-sha256"],
                    "ExposeHeaders": ["ETag", "Content-Range"],
                    "MaxAgeSeconds": 3600,
                }
            ]
        },
        lifecycle={
            "Rules": [
                {
                    "ID": "abandoned-uploads",
                    "Status": "Enabled",
                    "Filter": {"Prefix": prefix},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_DAYS},
                }
            ]
        },
    )
