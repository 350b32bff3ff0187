"""Which passwords are taken."""

import pytest
from argon2 import PasswordHasher

from dashapp.actions import passwords
from dashapp.actions.actor import ActionError

pytestmark = pytest.mark.requirement("FL-3")


@pytest.mark.parametrize(
    "password",
    [
        "nineteen blue turnips",
        "läuft seit 1987 rund",
        "xkT9#vQ2!mPz",
        "839201748362",  # digits alone are no reason, where they follow no pattern
        "}{|~^`'\";:?>",
        "生産ラインの朝は静かに始まる",
        "a" + "bcq rtw opl" * 20,
    ],
)
def test_a_long_password_is_taken_whatever_it_is_made_of(password: str) -> None:
    passwords.check(password, email="lead@plant.example", name="Line lead")


@pytest.mark.parametrize("password", ["", "short", "elevenchars", "ｆｕｌｌ wide 1"])
def test_a_password_of_fewer_than_twelve_characters_is_refused(password: str) -> None:
    with pytest.raises(ActionError, match="at least 12 characters"):
        passwords.check(password)


@pytest.mark.parametrize(
    "password",
    [
        "password1234", "Password-2024!", "passwordpassword", "qwertyuiop123", "correct horse battery staple", "adminadmin123",
        "aaaaaaaaaaaa", "abababababab", "123456789012", "098765432109", "abcdefghijklm", "abcabcabcabc", "Welcome 12345",
        "lead@plant.example", "Line Lead 2024", "andon andon 1", "!@#$%^&*()_+",
    ],
)  # fmt: skip
def test_a_password_that_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(ActionError, match="easy to guess"):
        passwords.check(password, email="lead@plant.example", name="Line Lead")


def test_a_password_of_a_megabyte_is_refused_before_it_is_hashed() -> None:
    with pytest.raises(ActionError, match="at most 256"):
        passwords.check("turnip " * 150_000)


def test_the_same_characters_typed_in_another_form_are_the_same_password() -> None:
    stored = passwords.hash_password("Schlu\u0308ssel im Torhaus")
    assert passwords.verify(stored, "Schlüssel im Torhaus")
    assert not passwords.verify(stored, "Schlussel im Torhaus")


def test_half_a_surrogate_pair_is_a_wrong_password_and_no_error() -> None:
    assert not passwords.verify(passwords.hash_password("nineteen blue turnips"), "\ud800 blue turnips")


def test_no_stored_hash_or_a_broken_one_is_a_wrong_password() -> None:
    assert not passwords.verify(None, "a password that nobody has")
    assert not passwords.verify("not a hash", "nineteen blue turnips")


def test_a_hash_of_weaker_parameters_is_outdated() -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("nineteen blue turnips")
    assert passwords.is_outdated(weaker)
    assert not passwords.is_outdated(passwords.hash_password("nineteen blue turnips"))
