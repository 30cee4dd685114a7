from hypothesis import given
from hypothesis import strategies as st

from documents.storage.keys import can_begin_a_key, is_valid_key


@given(st.text(alphabet="a./\\\0é\ud800", max_size=40) | st.text(max_size=600))
def test_a_valid_key_stays_inside_and_can_be_stored(key: str) -> None:
    if is_valid_key(key):
        assert not key.startswith("/")
        assert not {"", ".", ".."} & set(key.split("/"))
        assert len(key) <= 500
        assert len(key.encode()) <= 1024
        assert all(can_begin_a_key(key[:length]) for length in range(len(key) + 1))


@given(st.text(alphabet="abcäöü-_. ()", min_size=1, max_size=80))
def test_ordinary_names_are_valid_below_a_directory(name: str) -> None:
    assert is_valid_key(f"documents/{name}") == (name not in (".", ".."))
