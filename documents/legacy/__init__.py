"""The older JSON envelope, for reading alone: documents of vaults that were there before this one.

One JSON object holds a whole document: base64 ``ciphertext``, ``tag`` and ``nonce`` of AES-256-GCM, and the AES key
wrapped by RSA-OAEP. Nothing here writes one, and nothing else may: what is sealed anew is sealed by ``encryption``.

    envelope     takes the JSON apart
    keys         loads the private keys of an older vault
    opening      unwraps the key and gives the plaintext, once all of it verified

Plain Python: nothing here knows Django, a store or a request. What is raised is an ``EncryptionError``. Such a document
is in memory as a whole: whoever reads one sets a limit before.
"""
