"""What a form says, and the numbers that people write."""

import pytest

from dashapp.actions.actor import ActionError
from dashapp.ui import forms


@pytest.mark.parametrize(
    ("written", "value"),
    [("71.5", 71.5), ("71,5", 71.5), (" −3 ", -3.0), ("-3", -3.0), ("1e3", 1000.0), ("1 200", 1200.0), ("0,125", 0.125), ("", None),
     (None, None)],
)  # fmt: skip
def test_a_number_is_read_as_people_write_it(written: str | None, value: float | None) -> None:
    assert forms.number({"limit": written}, "limit") == value


@pytest.mark.parametrize(
    ("written", "says"),
    [("about 70", "a number is expected"), ("nan", "a number is expected"), ("1_000", "a number is expected"), ("inf", "a number"),
     ("1,234", "write 1234 or 1.234"), ("1,2,3", "a number is expected"), ("1,234.5", "a number is expected")],
)  # fmt: skip
def test_what_is_no_number_or_could_be_two_is_refused_with_what_to_write(written: str, says: str) -> None:
    with pytest.raises(ActionError) as refused:
        forms.number({"limit": written}, "limit")
    assert refused.value.field == "limit"
    assert says in refused.value.reason


def test_an_actions_refusal_is_a_sentence_beside_its_field() -> None:
    assert forms.errors_of(ActionError("key", "there is a device MX-01 already")) == {"key": "There is a device MX-01 already."}
