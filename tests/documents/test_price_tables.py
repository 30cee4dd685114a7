"""Price files: the one that is shipped can be read, and one that cannot says where it is wrong."""

from decimal import Decimal
from pathlib import Path

import pytest

from documents.errors import ConfigurationError
from documents.services.costs import default_table
from documents.services.price_tables import EXAMPLES, Tier, load_price_tables

GOOD = """
[one]
title = "One"
date = 2026-01-31
currency = "EUR"
source = "a page"
stores = ["s3"]
gigabyte = 1_000
storage = [{ up_to = 10, price = 0.1 }, { price = 0.05 }]
put_requests = 0.005
get_requests = 1
retrieval = 0
transfer_out = [{ price = 0 }]
smallest = 0
"""


def written(directory: Path, text: str) -> Path:
    file = directory / "prices.toml"
    file.write_text(text)
    return file


def test_the_shipped_tables_name_their_date_and_source_and_serve_every_store() -> None:
    tables = load_price_tables(EXAMPLES)

    chosen = (default_table(tables.values(), store) for store in ("local", "s3", "hcp", "gcs", "azure"))
    assert {table.name for table in chosen if table} == {
        "own-hardware",
        "aws-s3-standard",
        "gcs-standard",
        "azure-hot",
    }
    assert all(table.noted_on.year >= 2025 and table.source for table in tables.values())
    assert default_table(tables.values(), "memory") is None


def test_prices_are_exact(tmp_path: Path) -> None:
    table = load_price_tables(written(tmp_path, GOOD))["one"]

    assert table.storage == (Tier(Decimal(10), Decimal("0.1")), Tier(None, Decimal("0.05")))
    assert (table.put_requests, table.get_requests) == (Decimal("0.005"), Decimal(1))


@pytest.mark.parametrize(
    ("line", "instead", "key", "complaint"),
    [
        ('title = "One"', "", "title", "It is missing"),
        ('title = "One"', "title = 1", "title", "Write a text"),
        ('title = "One"', 'title = ""', "title", "Write a text"),
        ("date = 2026-01-31", 'date = "2026-01-31"', "date", "Write a date"),
        ("date = 2026-01-31", "date = 2026-01-31T10:00:00Z", "date", "Write a date"),
        ('stores = ["s3"]', 'stores = "s3"', "stores", "Write a list of texts"),
        ("gigabyte = 1_000", "gigabyte = 0", "gigabyte", "Write a whole number of bytes, 1 or more"),
        ("smallest = 0", "smallest = true", "smallest", "Write a whole number of bytes, 0 or more"),
        ("put_requests = 0.005", "put_requests = -0.1", "put_requests", "Write a number, 0 or more"),
        ("put_requests = 0.005", "put_requests = nan", "put_requests", "Write a number, 0 or more"),
        ("put_requests = 0.005", "put_requests = inf", "put_requests", "Write a number, 0 or more"),
        ("put_requests = 0.005", 'put_requests = "0.005"', "put_requests", "Write a number, 0 or more"),
        ("[{ price = 0 }]", "[]", "transfer_out", "Write a list of tiers"),
        ("[{ price = 0 }]", "0.09", "transfer_out", "Write a list of tiers"),
        ("[{ price = 0 }]", "[{ upto = 5, price = 0 }]", "transfer_out", "A tier has a price"),
        ("[{ price = 0 }]", "[{ up_to = 5, price = 0 }]", "transfer_out", "The limits must rise"),
        ("[{ price = 0 }]", "[{ price = 0 }, { price = 1 }]", "transfer_out", "The limits must rise"),
        (
            "{ up_to = 10, price = 0.1 }",
            "{ up_to = 10, price = 0.1 }, { up_to = 10, price = 0.1 }",
            "storage",
            "The limits must rise",
        ),
        ("smallest = 0", "smallest = 0\nsmalest = 5", "smalest", "There is no such key. There are: currency, date"),
    ],
)
def test_a_malformed_table_names_file_table_and_key(
    tmp_path: Path, line: str, instead: str, key: str, complaint: str
) -> None:
    file = written(tmp_path, GOOD.replace(line, instead))

    with pytest.raises(ConfigurationError) as caught:
        load_price_tables(file)

    assert str(caught.value).startswith(f"{file}, table 'one', key '{key}': {complaint}")


@pytest.mark.parametrize(
    ("text", "complaint"), [("", "holds no table"), ("a = 1", "stands outside a table"), ("[", "is no TOML")]
)
def test_a_file_without_tables_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        load_price_tables(file)
    assert str(file) in str(caught.value)
