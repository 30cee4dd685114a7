"""How fast the vault is, always beside something people know, in the same run: ``python -m benchmarks --help``.

    figure        what one figure is, and its goal
    rounds        ours and the peer's in turn, in random order; medians
    report        the table and the JSON lines
    files         sealing and opening files, against a copy, age, tink and aws-encryption-sdk
    transfers     upload, download and first byte through HTTP, against the same server and nginx
    memory        the web process's high-water mark while a large document passes
    rotation      unwrapping, against the machine's own RSA
    paging        the last page of a million documents, against the first
    migration     documents from the local disk to S3, against aws and rclone
    growth        planning and moving an object among a million, against one among a thousand
    peers nginx programs servers load scratch      what those stand on

Absolute numbers mean nothing beyond the machine and the hour; ratios do. Nothing here is a timed test.
"""
