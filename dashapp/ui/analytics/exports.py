"""Downloads of the analytics pages as CSV and XLSX: what the page shows, in numbers; the same address with the ending behind it."""

from collections.abc import Sequence

import numpy as np
from flask import Blueprint, Flask, Response, request

from dashapp.actions.exports import Format
from dashapp.sheets import iso_times
from dashapp.ui.analytics import anomaly_data, control_data, heat_data
from dashapp.ui.analytics.choice import Picked, Time, device_of, one_of, picked_of, time_of
from dashapp.ui.context import services, tenant_id, visible_devices
from dashapp.ui.device.view import file_stem
from dashapp.ui.exports import FORMS, READING_FORMS, readings_download, refused, streamed

downloads = Blueprint("analytics", __name__)


def register_analytics(server: Flask) -> None:
    """Adds the download routes."""
    server.register_blueprint(downloads)


@downloads.get(f"/analytics/readings.<{READING_FORMS}:form>")
def readings_file(form: Format) -> Response:
    """`?sensors=MX-01:temperature,…` and a range: every reading, one sensor after the other."""
    picked, note = picked_of(request.args.to_dict(), visible_devices())
    if note or not picked:
        return refused(404, note or "There is no sensor.")
    zone = services().catalogue.of(tenant_id()).zone
    time = time_of(request.args.to_dict(), picked, zone)
    if problem := time.view.range.problem:
        return refused(400, problem)
    return readings_download([one.sensor for one in picked], time.start_us, time.end_us, form)


@downloads.get(f"/analytics/heatmaps.<{FORMS}:form>")
def heatmaps_file(form: str) -> Response:
    """`?table=devices|week|correlation`, `sensor=` and a range: the cells of one heatmap."""
    asked = _one()
    if isinstance(asked, Response):
        return asked
    picked, time = asked
    found = heat_data.shown(picked, visible_devices(), time)
    table = request.args.get("table", "devices")
    if table == "correlation":
        names = [sensor.key for sensor in found.correlated]
        return _table(form, f"{picked.device.key}-correlation", time, ["sensor", *names], names, found.correlation)
    heat = found.week if table == "week" else found.devices
    head = ["weekday" if table == "week" else "device", *[f"{hour:02d}" for hour in range(24)]]
    return _table(form, f"{picked.device.key}-{picked.sensor.key}-{table}", time, head, heat.rows, heat.values)


@downloads.get(f"/analytics/control.<{FORMS}:form>")
def control_file(form: str) -> Response:
    """The address of the page: a row a point, with its limits and the rules that it breaks."""
    asked = _one()
    if isinstance(asked, Response):
        return asked
    picked, time = asked
    try:
        found = control_data.shown(picked, time, control_data.wanted_of(request.args.to_dict(), time))
    except control_data.Unusable as error:
        return refused(400, str(error))
    return _rows(form, f"{picked.device.key}-control", time, control_data.csv_rows(found, iso_times(found.time_us)))


@downloads.get(f"/analytics/anomalies.<{FORMS}:form>")
def anomalies_file(form: str) -> Response:
    """The address of the page: a row a moment, with its score and what each sensor adds."""
    query = request.args.to_dict()
    device = next((one for one in visible_devices() if one.key == query["device"]), None) if "device" in query else None
    device = device if "device" in query else device_of(query, visible_devices())
    if device is None:
        return refused(404, "There is no such device.")
    wanted = anomaly_data.wanted_of(query, device)
    picked = [Picked(device, sensor) for sensor in wanted.sensors]
    if not picked:
        return refused(404, f"{device.key} has no sensor that measures a level.")
    time = time_of(query, picked, services().catalogue.of(tenant_id()).zone)
    if problem := time.view.range.problem:
        return refused(400, problem)
    try:
        found = anomaly_data.shown(wanted, time)
    except anomaly_data.Unusable as error:
        return refused(400, str(error))
    return _rows(form, f"{device.key}-anomalies", time, anomaly_data.csv_rows(found, iso_times(found.time_us)))


def _one() -> Response | tuple[Picked, Time]:
    """The sensor and the time of the address, or what is wrong with them."""
    query, devices = request.args.to_dict(), visible_devices()
    note = picked_of({"sensors": query.get("sensor")}, devices)[1]
    picked = one_of(query, devices)
    if note or picked is None:
        return refused(404, note or "There is no sensor.")
    time = time_of(query, [picked], services().catalogue.of(tenant_id()).zone)
    return refused(400, time.view.range.problem) if time.view.range.problem else (picked, time)


def _table(form: str, stem: str, time: Time, head: Sequence[str], names: Sequence[str], values: heat_data.Floats) -> Response:
    cells = [[name, *[None if np.isnan(value) else value for value in row]] for name, row in zip(names, values.tolist(), strict=True)]
    return _rows(form, stem, time, [list(head), *cells])


def _rows(form: str, stem: str, time: Time, rows: Sequence[Sequence[object]]) -> Response:
    head, *body = rows
    return streamed(file_stem(stem, "", time.start_us, time.end_us), form, head, lambda _app, _tenant: iter(body))
