"""Small texts that count on in the browser (`assets/91-overview.js`): how long something lasts, what time it is at the plant."""


from dashapp.ui.components import Id, _Andon


class Since(_Andon):
    """How long ago `at_ms` is: `47 s`, `4 min`, `1 h 5 min`. Milliseconds since 1970 on the server's clock."""

    def __init__(self, id: Id | None = None, *, at_ms: int) -> None:
        super().__init__(**locals())


class PlantTime(_Andon):
    """`plant time 14:03, Europe/Berlin` where the plant's clocks differ from the viewer's; nothing where they agree."""

    def __init__(self, id: Id | None = None, *, zone: str) -> None:
        super().__init__(**locals())
