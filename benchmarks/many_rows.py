"""Documents by the million, written by the database itself: rows as a vault has them, without objects."""

from django.db import connection

# One document a second, the last one now. Both databases know recursive queries; what they differ in stands here.
_DOCUMENTS = """
INSERT INTO documents_document (id, owner_id, title, attributes, created_at, updated_at)
WITH RECURSIVE counted(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < {rows})
SELECT {id}, {owner}, 'Document ' || i, '{{}}', {at}, {at} FROM counted
"""
_ATTACHMENTS = """
INSERT INTO documents_attachment (id, document_id, version, created_at, storage_type, storage_path, filename,
    content_type, size, sealed_size, digest, envelope_core, key_block, sealed_digest, kek_id, recipients)
SELECT id, id, 1, created_at, '{store}', 'documents/' || id, title, 'application/pdf', {size} / 2, {size}, '{digest}',
    {empty}, {empty}, {empty}, '', ''
FROM documents_document
"""
# What ``plan`` makes of them.
_ITEMS = """
INSERT INTO migrations_tools_migrationitem (run_id, object_id, source_type, source_path, destination_path, size, digest,
    state, code, detail, attempts, refusals, holds_row, source_state)
SELECT {run}, id, storage_type, storage_path, storage_path, sealed_size, digest, 'pending', '', '', 0, 0, {true}, ''
FROM documents_attachment ORDER BY id
"""
_DIALECTS = {
    "sqlite": {
        "id": "printf('%032x', i)",
        "at": "datetime('now', (i - {rows}) || ' seconds')",
        "true": "1",
        "empty": "X''",
    },
    "postgresql": {
        "id": "lpad(to_hex(i), 32, '0')::uuid",
        "at": "now() + (i - {rows}) * interval '1 second'",
        "true": "true",
        "empty": "''::bytea",
    },
}


def fill_documents(rows: int, *, owner: int, store: str = "local", size: int = 9216, digest: str = "") -> None:
    """Write ``rows`` documents of a user, with one attachment each, whose ids are 1, 2, 3 and so on."""
    # Written into the statements: none of it comes from outside, and SQLite's driver reads % as a parameter.
    _execute(_DOCUMENTS, rows=rows, owner=owner)
    _execute(_ATTACHMENTS, store=store, size=size, digest=digest)
    analyze()


def plan_documents(run: int) -> None:
    """Write the items of a run that moves every attachment."""
    _execute(_ITEMS, run=run)
    analyze()


def analyze() -> None:
    """Have the database look how its rows are distributed, as it does by itself after a while."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _execute(statement: str, **values: object) -> None:
    for name, part in _DIALECTS[connection.vendor].items():
        statement = statement.replace(f"{{{name}}}", part)
    with connection.cursor() as cursor:
        cursor.execute(statement.format(**values))
