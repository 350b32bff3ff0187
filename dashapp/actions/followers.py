"""What follows when a plant's devices and sensors are made or changed: one call, inside the transaction that changes them."""

from collections.abc import Sequence

from sqlalchemy import Connection

from dashapp.actions.actor import Actor
from db.commands.rules import follow_sensors
from db.notify import tell_names_changed


def sensors_changed(connection: Connection, actor: Actor, sensor_ids: Sequence[int]) -> None:
    """These sensors are new, or their limits, severity or kind may have changed. What goes by a sensor's limits is brought up here.

    `sensor_ids` may be empty: the device alone changed. Every replica reads its catalogue anew after the commit.
    """
    if sensor_ids and actor.kind != "job":  # who registers by itself has nobody who set its limits
        follow_sensors(connection, actor.tenant_id, sensor_ids, by=actor.label)
    tell_names_changed(connection, actor.tenant_id)
