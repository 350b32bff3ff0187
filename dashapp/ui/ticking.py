"""Small texts that count on in the browser (`assets/91-overview.js`, `86-keys.js`): how long something lasts, what time it is where."""

from dashapp.ui.components import Id, _Andon


class Since(_Andon):
    """How long ago `at_ms` is: `47 s`, `4 min`, `1 h 5 min`. Milliseconds since 1970 on the server's clock."""

    def __init__(self, id: Id | None = None, *, at_ms: int) -> None:
        super().__init__(**locals())


class Clock(_Andon):
    """`09:03 New York · plant 15:03 Berlin`, or one of them where the clocks agree; leads to the choice of the zone."""

    def __init__(self, id: Id | None = None) -> None:
        super().__init__(**locals())
