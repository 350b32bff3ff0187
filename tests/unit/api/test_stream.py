"""What the stream is made of: bytes of rows, places in it, frames, words."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from dashapp.api.sockets.words import ALERT_RESOLVED, ALERT_TRIGGERED, ALERT_UPDATED, alert_event_name, reading_status
from dashapp.socket_protocol import text_frame
from db.commands.readings import Rows
from db.commands.stream import packed, unpacked
from db.queries.stream import Position, StreamRow, in_order

pytestmark = pytest.mark.requirement("AP-3")


def rows(*readings: tuple[int, int, float]) -> Rows:
    sensors, times, values = zip(*readings, strict=True) if readings else ((), (), ())
    return Rows(np.array(sensors, np.int32), np.array(times, np.int64), np.array(values, float), np.full(len(readings), 192, np.int16))


def listed(found: Rows) -> list[tuple[int, int, float, int]]:
    columns = (found.sensor_ids, found.times_us, found.values, found.quality)
    return list(zip(*(column.tolist() for column in columns), strict=True))


readings = st.tuples(st.integers(1, 2**31 - 1), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(readings, max_size=20))
def test_rows_come_back_as_they_went(wanted: list[tuple[int, int, float]]) -> None:
    found, left_out = unpacked(packed(rows(*wanted)))
    assert listed(found) == [(*each, 192) for each in wanted]
    assert left_out == 0


def test_of_many_readings_of_a_sensor_the_newest_are_told_and_the_others_counted() -> None:
    many = [(1, time, float(time)) for time in range(250)]
    found, left_out = unpacked(packed(rows(*many, (2, 5, 5.0))))
    assert listed(found) == [(1, time, float(time), 192) for time in range(150, 250)] + [(2, 5, 5.0, 192)]
    assert left_out == 150


@given(*(st.integers(0, 2**62 - 1) for _ in range(4)))
def test_a_position_is_read_as_it_was_written(epoch: int, horizon: int, row: int, part: int) -> None:
    position = Position(epoch, horizon, row, part)
    assert len(str(position)) <= 80
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize("written", ["", "1", "1-2", "1-2-3-4", "a-b-c", "1-2-3.x", "1-2--3", "-1-2-3.0", "1-2-" + "9" * 90, None, 7])
def test_what_is_no_position_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="event"):
        Position.parse(written)


def test_a_reading_is_told_before_the_alert_that_it_raised_and_transactions_in_their_order() -> None:
    alert, reading, other = (StreamRow(n, xid, 1, kind, b"") for n, xid, kind in ((3, 9, "alert"), (4, 9, "readings"), (2, 10, "readings")))
    assert in_order([other, alert, reading]) == [reading, alert, other]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 100_000])
def test_a_frame_is_what_the_library_would_send(size: int) -> None:
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    reader = StreamReader()
    reader.feed_data(text_frame(payload))
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as parsed:
        next(parsing)
    assert (parsed.value.value.opcode, bytes(parsed.value.value.data), parsed.value.value.fin) == (Opcode.TEXT, payload, True)


@pytest.mark.parametrize(
    ("what", "state", "silent", "name"),
    [
        ("raised", "B", False, ALERT_TRIGGERED), ("re_raised", "B", False, ALERT_TRIGGERED), ("raised", "B", True, ALERT_UPDATED),
        ("shelving_ended", "B", False, ALERT_TRIGGERED), ("shelving_ended", "D", False, ALERT_UPDATED),
        ("acknowledged", "C", False, ALERT_UPDATED), ("returned", "D", False, ALERT_UPDATED), ("returned", "A", False, ALERT_RESOLVED),
        ("acknowledged", "A", False, ALERT_RESOLVED), ("reset", "A", True, ALERT_RESOLVED), ("escalated", "B", False, ALERT_UPDATED),
    ],
)  # fmt: skip
def test_a_transition_of_an_alert_has_its_event(what: str, state: str, silent: bool, name: str) -> None:
    assert alert_event_name(what, state, silent=silent) == name


def test_what_a_value_means() -> None:
    normal, limits = (60.0, 80.0), (None, 90.0)
    found = [reading_status("gauge", "temperature", value, normal, limits) for value in (70.0, 80.0, 81.0, 59.0, 90.0, 90.1)]
    assert found == ["normal", "normal", "warning", "warning", "warning", "alert"]
    assert [reading_status("flag", "fault", value, normal, limits) for value in (0.0, 1.0)] == ["normal", "alert"]
    assert reading_status("flag", "running", 1.0, normal, limits) == "normal"
