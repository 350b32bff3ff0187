"""The alerts that wait for a subscriber of GraphQL."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dashapp.api.graphql.context import MOST_ALERTS, Tap
from dashapp.api.sockets.words import ALERT_RESOLVED, ALERT_TRIGGERED, event

pytestmark = pytest.mark.requirement("AP-2")


def test_a_subscriber_is_given_what_was_triggered_and_is_marked_once_it_is_too_far_behind() -> None:
    tap = Tap(cast(Any, SimpleNamespace(credential=None, actor=None)))
    tap.push(event(ALERT_RESOLVED, {"alertId": "1"}))
    for number in range(MOST_ALERTS):
        tap.push(event(ALERT_TRIGGERED, {"alertId": str(number)}))
    assert not tap.is_behind
    assert [tap.waiting.get_nowait() for _ in range(3)] == [0, 1, 2]
    for _ in range(4):
        tap.push(event(ALERT_TRIGGERED, {"alertId": "9"}))
    assert tap.is_behind
