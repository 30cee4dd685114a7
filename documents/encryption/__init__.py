"""The envelope: how a document is sealed, and opened again. FORMAT.md specifies it; the modules follow that page.

    envelope     what the rest of the vault uses: Sealer, open_header, open_row
    keyring      the KEKs of this process; pem loads and makes them
    kek          what a KEK is; wrapping (RSA) and hybrid (RSA with ML-KEM) are the two kinds
    files        file to file, with two workers
    header, metadata, keyblock, geometry, stream    one part of the structure each
    derivation, aead                                one primitive each

Plain Python: nothing here knows Django, a store or a request. What is raised is an ``EncryptionError``, or a
``ValueError``/``RuntimeError`` where the caller broke a contract. ``files`` alone also raises ``OSError``, where a file
cannot be read or written; what the readers it is given raise passes through ``stream``.
"""
