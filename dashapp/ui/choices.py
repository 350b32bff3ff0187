# ruff: noqa: N803 (className is what Dash calls it)
"""Choices that stand in the address of a page."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from dashapp.ui.components import Id, _Andon


class Option(TypedDict):
    """One of a choice: as the address has it, in words, and under which heading."""

    value: str
    label: str
    group: NotRequired[str]


class ChoiceField(TypedDict):
    """One choice. `name` is the address's; with `adds` what is chosen is added to that list (`held` now), and stays unchosen.

    What is chosen ends what the address says of the names in `clears`.
    """

    name: str
    label: str
    options: Sequence[Option]
    value: NotRequired[str]
    adds: NotRequired[str]
    held: NotRequired[str]
    clears: NotRequired[Sequence[str]]


class ChoiceBar(_Andon):
    """Selects side by side; choosing goes to the address that has it so, and Back undoes it (`assets/60-choices.js`)."""

    def __init__(self, id: Id | None = None, *, fields: Sequence[ChoiceField], className: str | None = None) -> None:
        super().__init__(**locals())
