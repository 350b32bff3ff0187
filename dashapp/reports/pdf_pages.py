"""Pages of a PDF that is there: how many, and one as a picture. Without what draws a report, which is loaded when one is due."""

import io
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

# PDFium is not safe to call from two threads, not even on two documents: a browser that asks for three pages at once ended the
# server. https://pypdfium2.readthedocs.io/en/stable/python_api.html#thread-incompatibility
_one_at_a_time = threading.Lock()


@contextmanager
def _opened(pdf: bytes) -> Iterator["PdfDocument"]:
    """A document nobody else's thread is beside. What is made of it is closed before it, not by the garbage collector in any thread."""
    with _one_at_a_time:
        import pypdfium2  # its load calls PDFium, too

        with closing(pypdfium2.PdfDocument(pdf)) as document:
            yield document


def page_picture(pdf: bytes, number: int, scale: float) -> bytes:
    """One page of a PDF as PNG. Raises IndexError where there is no such page."""
    with _opened(pdf) as document:
        if not 0 <= number < len(document):
            raise IndexError(f"there is no page {number + 1}")
        with closing(document[number]) as page, closing(page.render(scale=scale)) as bitmap:
            drawn = bitmap.to_pil().copy()  # to_pil may share the bitmap's memory
    kept = io.BytesIO()
    drawn.convert("P", palette=1, colors=128).save(kept, "PNG", optimize=True)
    return kept.getvalue()


def pages_in(pdf: bytes) -> int:
    """How many pages a PDF has."""
    with _opened(pdf) as document:
        return len(document)
