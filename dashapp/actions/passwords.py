"""Passwords: what is taken (NIST SP 800-63B §5.1.1.2), and how they are kept (argon2id, RFC 9106's low-memory choice).

Long and not well known is what counts; no rule about kinds of characters, no forced change.
"""

import threading
import unicodedata
from functools import cache
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dashapp.actions.actor import ActionError

SHORTEST = 12
LONGEST = 256
_HASHER = PasswordHasher()
_AT_ONCE = threading.BoundedSemaphore(2)  # a hash takes 64 MiB and a core for a tenth of a second

# What the most used passwords are made of: one or two of these with digits around them are no password, however long.
_WORDS = """
    password passwort passw0rd p4ssw0rd admin administrator root toor user guest login letmein welcome changeme change please
    default temp temporary secret super supersecret topsecret master test demo hello computer internet server database
    qwerty qwertz qwertyuiop qwertzuiop azerty asdfghjkl zxcvbnm qazwsx qazwsxedc 1qaz2wsx 1qaz2wsx3edc 1q2w3e4r q1w2e3r4 abcd abc123 a1b2c3
    iloveyou sunshine princess dragon monkey shadow football baseball superman batman starwars pokemon michael jennifer jordan
    trustno1 whatever hunter2 charlie operator maintenance production factory manufacturing machine summer winter spring autumn
    new now my
"""
WORDS = frozenset(_WORDS.split())
# And some that are none of that.
_COMMON = """
    correcthorsebatterystaple iloveyouforever thisismypassword thisisapassword qwertyuiopasdfghjkl qwertyuiopasdfghjklzxcvbnm
    qwertyuiopas qwertyuiopasdf 1qaz2wsx3edc4rfv 1q2w3e4r5t6y 1q2w3e4r5t6y7u8i q1w2e3r4t5y6 a1s2d3f4g5h6 aabbccddeeff
    qazwsxedcrfv qazwsxedcrfvtgb zaq12wsxcde3 !@#$%^&*()_+ 3141592653589 314159265358 112233445566 101010101010 121212121212
"""
COMMON = frozenset(_COMMON.split())


def normal(password: str) -> str:
    """The same characters typed on another keyboard are the same password (NFKC)."""
    return unicodedata.normalize("NFKC", password)


def check(password: str, *, email: str = "", name: str = "") -> None:
    """Raises ActionError, with what to do instead, for a password that is short, very long, well known or the person's own name."""
    password = normal(password)
    if len(password) < SHORTEST:
        raise ActionError("password", f"use at least {SHORTEST} characters; a few words together are good")
    if len(password) > LONGEST:
        raise ActionError("password", f"use at most {LONGEST} characters")
    plain = _plain(password)
    own = {_plain(part) for part in (email, email.partition("@")[0], name, "andon") if part}
    common = {password.casefold(), plain} & COMMON
    if common or _is_pattern(password.casefold()) or _is_pattern(plain) or _is_made_of(plain, own.union(WORDS)):
        raise ActionError("password", "this one is easy to guess; a few unrelated words together are good")


def hash_password(password: str) -> str:
    """What is stored: argon2id with its parameters and salt. Takes about a tenth of a second and 64 MiB."""
    with _AT_ONCE:
        return _HASHER.hash(_bytes(password))


def verify(stored: str | None, password: str) -> bool:
    """Whether it is the password. Without a stored hash (nobody of that name, nobody yet) it takes as long and says no."""
    with _AT_ONCE:
        try:
            right = _HASHER.verify(stored or _nobody(), _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
    return right and stored is not None


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    return _HASHER.hash(b"a password that nobody has")


def _bytes(password: str) -> bytes:
    return normal(password[: LONGEST * 4]).encode("utf-8", "surrogatepass")


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _is_made_of(plain: str, words: set[str]) -> bool:
    """Whether nothing but at most two different words of the list and digits is in it."""
    left, used = plain, 0
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= 2 and word in left:
            left, used = left.replace(word, " "), used + 1
    return 1 <= used <= 2 and left.strip("0123456789 ") == ""


def _is_pattern(text: str) -> bool:
    """aaaaaaaaaaaa, abababababab, abcabcabcabc, 123456789012, zyxwvutsrqpo."""
    if len(text) < SHORTEST:
        return False
    steps = {(ord(b) - ord(a)) % 10 if a.isdigit() and b.isdigit() else ord(b) - ord(a) for a, b in pairwise(text)}
    repeated = any(text == (text[:length] * len(text))[: len(text)] for length in range(1, 5))
    return repeated or steps <= {1} or steps <= {9, -1} or len(set(text)) <= 2
