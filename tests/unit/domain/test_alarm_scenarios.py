"""Every named case of the alarm semantics, on the domain alone."""

import pytest

from tests.scenarios import Case, DomainPlant, cases, differences, run


@pytest.mark.requirement("AL-2", "AL-3")
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_a_named_case(case: Case) -> None:
    assert differences(case, run(case, DomainPlant(case))) == []


def test_no_case_is_named_twice() -> None:
    names = [case["name"] for case in cases()]

    assert names
    assert len(names) == len(set(names))


def test_a_difference_is_told() -> None:
    case = {"steps": [{"t": 0, "v": 95}], "events": [{"at": 0, "what": "raised", "state": "C"}]}

    assert differences(case, run(case, DomainPlant(case))) == ["{'at': 0, 'what': 'raised', 'state': 'C'}: state is 'B'"]
    assert "1 events instead of 0" in differences({**case, "events": []}, run(case, DomainPlant(case)))[0]
