"""Addresses of the analytics pages, and how a sensor stands in one."""

from urllib.parse import quote

TRENDS = "/analytics"
HEATMAPS = "/analytics/heatmaps"
STATISTICS = "/analytics/statistics"
CONTROL = "/analytics/control"
ANOMALIES = "/analytics/anomalies"


def ref_of(device_key: str, sensor_key: str) -> str:
    """`MX-01:temperature`; what would part it is escaped."""
    return f"{quote(device_key, safe=' ')}:{quote(sensor_key, safe=' ')}"
