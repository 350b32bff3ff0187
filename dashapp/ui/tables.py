"""Tables as one component each (`assets/93-tables.js`): a page of a few hundred cells made of html components is slow wherever
something on it changes each second.
"""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from dashapp.ui.components import CardsDelta, DeviceCard, Id, _Andon


class MarkedCell(TypedDict):
    """A cell with the shape of a priority before its text, or whose text leads to another page."""

    text: str
    href: NotRequired[str]
    priority: NotRequired[str]


Cell = str | MarkedCell


class DataTable(_Andon):
    """A table of texts. The first column names the row; `numbers` are the indices of the columns that are right-aligned.

    `columns` are the headings, without them there is no head; `caption` is read out. With the class `stacked` every row is a card on a
    phone. A table with headings and a caption can be saved as CSV and XLSX; `save=False` where the page offers a file of its own, with
    all that the table shows only in part.
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        rows: Sequence[Sequence[Cell]],
        columns: Sequence[str] | None = None,
        numbers: Sequence[int] | None = None,
        caption: str = "",
        save: bool = True,
        className: str | None = None,  # noqa: N803
    ) -> None:
        super().__init__(**locals())


class DeviceTable(_Andon):
    """The list of devices with search and order; on a phone every row is a card.

    Takes what `DeviceCards` takes: the whole state with the layout, then a delta a second. `query` and `sort` (`state`, `device`, `place`,
    `value`, `age`; with a minus in front the other way round) are what the page begins with; the browser keeps them in the URL.
    With `settings` each row leads to its device's settings too.
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        devices: list[DeviceCard] | None = None,
        delta: CardsDelta | None = None,
        now: int | None = None,
        query: str = "",
        sort: str = "",
        settings: bool = False,
    ) -> None:
        devices = devices or []
        super().__init__(**locals())
