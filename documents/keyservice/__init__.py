"""Key services: whoever holds the private keys, so that the process that asks has public ones alone.

``protocol`` says what one does. There are two: an unwrap service of the vault's own (``python -m
documents.keyservice``, and ``client`` for who asks it), and RSA keys in AWS KMS (``aws_kms``). ``attached`` makes what
is configured. docs/key-services.md has the protocol on the wire.

Plain Python: nothing here knows the database or a request of a person.
"""
