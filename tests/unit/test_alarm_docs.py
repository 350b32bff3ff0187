"""The table of transitions is what the code does."""

from tests.alarm_table import PAGE, page


def test_the_table_of_transitions_is_made_from_the_code() -> None:
    text = PAGE.read_text("utf-8")

    assert page(text) == text, "python -m tests.alarm_table --write"
