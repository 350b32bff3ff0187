"""Pages of a PDF that is there: how many, and one as a picture. Without what draws a report, which is loaded when one is due."""

import io


def page_picture(pdf: bytes, number: int, scale: float) -> bytes:
    """One page of a PDF as PNG. Raises IndexError where there is no such page."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        if not 0 <= number < len(document):
            raise IndexError(f"there is no page {number + 1}")
        kept = io.BytesIO()
        document[number].render(scale=scale).to_pil().convert("P", palette=1, colors=128).save(kept, "PNG", optimize=True)
        return kept.getvalue()
    finally:
        document.close()


def pages_in(pdf: bytes) -> int:
    """How many pages a PDF has."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        return len(document)
    finally:
        document.close()
