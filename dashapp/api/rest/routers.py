"""The routes of the API, noun by noun, in the order in which the documentation has them."""

from dashapp.api.rest import (
    alerts,
    auth,
    channels,
    connections,
    dead_letters,
    devices,
    exports,
    figures,
    groups,
    health,
    imports,
    keys,
    maintenance,
    people,
    planning,
    plant,
    policies,
    production,
    rules,
    screens,
    views,
)

ROUTERS = (
    auth.router, health.router, plant.router, devices.router, groups.router, alerts.router, rules.router, maintenance.router,
    channels.router, policies.router, planning.router, production.router, figures.router, exports.router, imports.router,
    imports.incoming, connections.router, dead_letters.router, keys.router, people.router, views.router, screens.router,
)  # fmt: skip
"""What `dashapp.server` includes."""
