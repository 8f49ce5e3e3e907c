"""Pseudonyms: stable, of one kind, and never two users under one name."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costsim.errors import SettingError
from costsim.show.mask import NO_USER, mask_user, mask_users


@given(st.text())
def test_name_is_the_digests_beginning(user: str) -> None:
    name = mask_user(user)
    digest = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
    assert re.fullmatch("user-[0-9a-f]{6}", name)
    assert digest.startswith(name.removeprefix("user-"))


def test_salt_changes_every_name() -> None:
    users = [f"user {i}" for i in range(200)]
    assert not set(mask_users(users)) & set(mask_users(users, salt="pepper"))


def test_a_column_without_collisions_even_where_short_names_collide() -> None:
    users = [f"u{i}" for i in range(30_000)]
    short = {mask_user(user) for user in users}
    assert len(short) < len(users)  # six digits are too few here
    assert len(set(mask_users(users))) == len(users)


def test_unknown_users_stay_a_row_of_their_own() -> None:
    assert mask_users([None, "a", float("nan")]) == [NO_USER, mask_user("a"), NO_USER]


def test_too_few_digits_are_refused() -> None:
    with pytest.raises(SettingError, match="digits must be 4 to 64; got 2"):
        mask_user("a", digits=2)
