"""Every error the vault raises on purpose, in one tree.

VaultError
├── ConfigurationError          a setting is missing or malformed; names the variable
│   └── CollectionRefused       the collector leaves a store alone
│       ├── OlderDatabase       an older database was restored, or a second one is in use
│       ├── DatabaseWithheld    it was made again from objects, and not all of them could be opened
│       ├── StoreReplaced       the store is empty, or another one is in its place
│       └── StoreShared         another vault uses it too
├── StorageError                carries provider, object key, hint, retryable
│   ├── ObjectNotFound
│   ├── ObjectExists            write-once: somebody else's object already has this key
│   ├── InvalidObjectKey        "..", absolute, empty, too long, control characters
│   ├── RangeNotSatisfiable, BucketNotFound, StorageFull
│   ├── StorageAccessDenied     credentials missing, wrong or without the permission
│   ├── StorageUnavailable      did not answer, or answered that it cannot now; try again
│   ├── ObjectTooLarge          longer than its policy allows
│   ├── IntegrityMismatch       what the store holds is not what was written
│   └── UnsupportedOperation    this provider lacks the capability
├── EncryptionError
│   ├── MalformedEnvelope       not an envelope, or one that breaks FORMAT.md
│   ├── UnsupportedEnvelope     a version, suite or wrap that this reader does not accept
│   │   └── WeakWrap            sound, but wrapped more weakly than the vault is told to accept
│   ├── AuthenticationFailed    a tag or signature is wrong, or the envelope is not the one expected
│   ├── UnwrapFailed            no DEK that fits the commitment; one message for every way this can happen
│   │   └── UnknownKey          no recipient of this envelope is in the key ring (KEK ids are public)
│   └── KeyRingError            a KEK cannot be loaded or used
│       ├── WrongPassphrase, WeakKey
│       ├── SealOnlyKeyRing     the ring holds public keys alone; it can seal and not open
│       ├── OpenOnlyKeyRing     the ring cannot sign what it would seal; it can open and not seal
│       └── KeyServiceUnavailable, KeyServiceRefused (its rate limit): somebody else holds the private keys
│           └── KeyServiceMisconfigured     and opens nothing until somebody changes a permission or a setting
├── KekRefused                  what was asked of a KEK cannot be done now
│   └── KekInUse                something is wrapped for it
├── RebuildRefused              the database is not one to be rebuilt, or the objects are not of one vault
├── UploadError
│   ├── UploadTooLarge, UploadLengthRequired (a body of unknown length)
│   ├── UploadIncomplete        the client went away, or sent less than it announced
│   ├── UploadRejected          nothing in the request can become a document
│   └── UploadGone              the staged attachment expired, was discarded or belongs to somebody else
├── PolicyError
│   ├── PolicyNotFound, TypeNotAllowed
│   ├── RetentionActive         it must be kept for some time yet
│   └── ReferenceInvalid        no reference to a stored object, or one of another schema or version
├── PayloadError                a JSON value that is, or was to be, sealed into storage
│   ├── PayloadInvalid          not JSON: a name that is no text, NaN, a foreign type, a reserved name
│   ├── PayloadTooDeep, PayloadCyclic, PayloadTooLarge
│   ├── PayloadReferenceInvalid no reference of ours, somebody else's, or of what is gone: the same answer
│   └── PayloadUnreadable       the stored object is missing, damaged or under an unknown KEK
├── AdoptionError
│   ├── SourceRefused           an original is not adopted, and why
│   ├── AlreadyAdopted          another run adopted it meanwhile
│   └── AdoptionStopped         whoever started it stopped it
├── DatabaseUnavailable         the database did not answer, or its disk is full
├── ScopeMissing                the API token may not do this
├── CursorInvalid               a page was asked for by a cursor that no page gave
├── DocumentNotFound            does not exist, or is not yours: the same answer
├── DocumentChanged             since the page that is saved was shown: nothing of it is kept
├── DocumentUnreadable          the stored object is missing, damaged or under an unknown KEK: one answer for all
└── LinkError
    ├── LinkNotFound, LinkGone (expired, revoked or used up), LinkRejected (a new link breaks a limit)
    └── LinkPasswordRequired, LinkPasswordWrong, LinkLocked (too many wrong ones)
"""

from documents.errors.adoption import AdoptionError, AdoptionStopped, AlreadyAdopted, SourceRefused
from documents.errors.base import ConfigurationError, DatabaseUnavailable, VaultError
from documents.errors.collection import CollectionRefused, DatabaseWithheld, OlderDatabase, StoreReplaced, StoreShared
from documents.errors.documents import (
    CursorInvalid,
    DocumentChanged,
    DocumentNotFound,
    DocumentUnreadable,
    ScopeMissing,
)
from documents.errors.encryption import (
    AuthenticationFailed,
    EncryptionError,
    KeyRingError,
    KeyServiceMisconfigured,
    KeyServiceRefused,
    KeyServiceUnavailable,
    MalformedEnvelope,
    OpenOnlyKeyRing,
    RetiredKek,
    SealOnlyKeyRing,
    UnknownKey,
    UnsupportedEnvelope,
    UnwrapFailed,
    WeakKey,
    WeakWrap,
    WrongPassphrase,
)
from documents.errors.keys import KekInUse, KekRefused
from documents.errors.links import (
    LinkError,
    LinkGone,
    LinkLocked,
    LinkNotFound,
    LinkPasswordRequired,
    LinkPasswordWrong,
    LinkRejected,
)
from documents.errors.payloads import (
    PayloadCyclic,
    PayloadError,
    PayloadInvalid,
    PayloadReferenceInvalid,
    PayloadTooDeep,
    PayloadTooLarge,
    PayloadUnreadable,
)
from documents.errors.policies import PolicyError, PolicyNotFound, ReferenceInvalid, RetentionActive, TypeNotAllowed
from documents.errors.recovery import RebuildRefused
from documents.errors.storage import (
    BucketNotFound,
    IntegrityMismatch,
    InvalidObjectKey,
    ObjectExists,
    ObjectNotFound,
    ObjectTooLarge,
    RangeNotSatisfiable,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    UnsupportedOperation,
)
from documents.errors.uploads import (
    UploadError,
    UploadGone,
    UploadIncomplete,
    UploadLengthRequired,
    UploadRejected,
    UploadTooLarge,
)

__all__ = [
    "AdoptionError",
    "AdoptionStopped",
    "AlreadyAdopted",
    "AuthenticationFailed",
    "BucketNotFound",
    "CollectionRefused",
    "ConfigurationError",
    "CursorInvalid",
    "DatabaseUnavailable",
    "DatabaseWithheld",
    "DocumentChanged",
    "DocumentNotFound",
    "DocumentUnreadable",
    "EncryptionError",
    "IntegrityMismatch",
    "InvalidObjectKey",
    "KekInUse",
    "KekRefused",
    "KeyRingError",
    "KeyServiceMisconfigured",
    "KeyServiceRefused",
    "KeyServiceUnavailable",
    "LinkError",
    "LinkGone",
    "LinkLocked",
    "LinkNotFound",
    "LinkPasswordRequired",
    "LinkPasswordWrong",
    "LinkRejected",
    "MalformedEnvelope",
    "ObjectExists",
    "ObjectNotFound",
    "ObjectTooLarge",
    "OlderDatabase",
    "OpenOnlyKeyRing",
    "PayloadCyclic",
    "PayloadError",
    "PayloadInvalid",
    "PayloadReferenceInvalid",
    "PayloadTooDeep",
    "PayloadTooLarge",
    "PayloadUnreadable",
    "PolicyError",
    "PolicyNotFound",
    "RangeNotSatisfiable",
    "RebuildRefused",
    "ReferenceInvalid",
    "RetentionActive",
    "RetiredKek",
    "ScopeMissing",
    "SealOnlyKeyRing",
    "SourceRefused",
    "StorageAccessDenied",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "StoreReplaced",
    "StoreShared",
    "TypeNotAllowed",
    "UnknownKey",
    "UnsupportedEnvelope",
    "UnsupportedOperation",
    "UnwrapFailed",
    "UploadError",
    "UploadGone",
    "UploadIncomplete",
    "UploadLengthRequired",
    "UploadRejected",
    "UploadTooLarge",
    "VaultError",
    "WeakKey",
    "WeakWrap",
    "WrongPassphrase",
]
