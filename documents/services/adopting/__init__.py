"""Adopting documents that were not uploaded: of an older vault, of a directory, of another app's ``FileField``.

    names        what a path says of a document: owner, date, file name
    owners       which person that is here
    places       where originals lie: a directory, a store of the vault, another bucket
    sources      one original, how it is known again, and what it is
    opening      an original in an older envelope, read and opened
    sealing      sealed into the vault by the steps of an upload, read back, kept with a note of its source
    in_place     a document whose object is the original itself, and how it is sealed anew later
    working      all originals of a place; threads: several at once
    fields       the files of another app's rows; field_batches: so many at a time; field_files: sealed
    outcomes     what became of one; report: of all

An original is read and nothing else: nothing here deletes, moves or changes one.
"""
