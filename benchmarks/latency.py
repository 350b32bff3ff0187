"""Row of the door's latency: how long a post of one reading waits for its 201, alone and beside bulk."""

from benchmarks.context import Context
from benchmarks.ingest import BATCH, check, post, start
from benchmarks.report import Goal, Row

PER_S = 500
BULK_PER_S = 20_000
CONNECTIONS = 32


def latency(context: Context) -> list[Row]:
    """p99 at 500 single posts a second.

    The pace is kept by slots on the clock over 32 connections (`delay` in benchmarks/wrk/common.lua): a slow answer does
    not slow it as long as a connection is free, and none is left out of the figure.
    """
    seconds = 8 if context.quick else 25
    plant = context.loaded().plant
    post("singles", plant, connections=CONNECTIONS, seconds=2, per_s=PER_S)
    alone = post("singles", plant, connections=CONNECTIONS, seconds=seconds, per_s=PER_S)
    bulk = start("batches", plant, connections=4, seconds=seconds + 4, per_s=BULK_PER_S // BATCH)
    try:
        post("singles", plant, connections=CONNECTIONS, seconds=2, per_s=PER_S)
        beside = post("singles", plant, connections=CONNECTIONS, seconds=seconds, per_s=PER_S)
        batches = bulk.result()
    finally:
        bulk.stop()
    for load in (alone, beside, batches):
        check(load, load.accepted * BATCH, 1)
    rows = []
    for key, what, load, limit in (
        ("latency-alone", "201 latency p99 at 500 single posts/s", alone, 10),
        ("latency-beside", f"the same beside {BULK_PER_S:,} readings/s of batches", beside, 25),
    ):
        bound = f"p50 {load.p50_ms:.1f} ms, most {load.max_ms:.0f} ms; {load.per_s:.0f} posts/s kept"
        if load is beside:
            bound += f" beside {batches.per_s * BATCH:,.0f} readings/s; a post waits for the interpreter while a batch is read"
        else:
            bound += "; the flush of the write-ahead log"
        detail = {"p50_ms": load.p50_ms, "p90_ms": load.p90_ms, "max_ms": load.max_ms, "per_s": load.per_s}
        rows.append(Row(key, what, load.p99_ms, "ms", Goal(limit), bound, detail=detail))
    return rows
