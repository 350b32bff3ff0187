"""The React components of the import pages (`assets/94-import.js`)."""

from dashapp.ui.components import Id, _Andon


class FileDrop(_Andon):
    """Takes a file by dropping or choosing and sends it to `url` as it is; opens the address that is answered. Sizes in bytes."""

    def __init__(self, id: Id | None = None, *, url: str, most_bytes: int, label: str = "Choose a file", hint: str = "") -> None:
        super().__init__(**locals())


class FileSeries(_Andon):
    """One sensor of a file over its own span: `points` are `[ms, least, greatest]`, ascending. `first` and `last` are said in words."""

    def __init__(
        self, id: Id | None = None, *, name: str, unit: str = "", points: list[list[float]], first: str = "", last: str = ""
    ) -> None:
        super().__init__(**locals())
