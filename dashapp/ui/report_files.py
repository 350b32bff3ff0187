"""Files of a report: its PDF, its mail as one HTML file, and its pages as pictures for the archive."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response

from dashapp.actions.actor import require
from dashapp.domain.fleet import Role
from dashapp.notices.sender import file_name
from dashapp.reports.mail import whole_html
from dashapp.reports.pdf_pages import page_picture
from dashapp.sheets import attachment
from dashapp.ui.context import actor, services, tenant_id
from db.queries.reports import one_report
from db.tenancy import tenant_reading

SCALE = 2.0  # pixels a point: 1,190 across
files = Blueprint("reports", __name__)


def register_reports(server: Flask) -> None:
    """Adds the routes."""
    server.register_blueprint(files)


def found_report(number: int) -> Any | None:
    """A report that the person may see: of the whole plant, or of one of their lines."""
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        report = one_report(connection, number)
    lines = actor().lines
    return report if report is not None and (lines is None or report.line in lines) else None


def _answer(number: int, make: Callable[[Any], Response]) -> Response:
    require(actor(), Role.VIEWER)
    report = found_report(number)
    return Response(f"There is no report {number}.\n", 404, mimetype="text/plain") if report is None else make(report)


@files.get("/reports/<int:number>/report.pdf")
def report_pdf(number: int) -> Response:
    """The PDF as it was mailed."""

    def made(report: Any) -> Response:
        return _file(bytes(report.pdf), "application/pdf", file_name(report.title))

    return _answer(number, made)


@files.get("/reports/<int:number>/report.html")
def report_html(number: int) -> Response:
    """The mail as one file, with its pictures inside."""

    def made(report: Any) -> Response:
        name = file_name(report.title).removesuffix(".pdf") + ".html"
        return _file(whole_html(report.html, report.pictures).encode(), "text/html; charset=utf-8", name)

    return _answer(number, made)


@files.get("/reports/<int:number>/page-<int:page>.png")
def report_page(number: int, page: int) -> Response:
    """A page of the PDF as a picture."""

    def made(report: Any) -> Response:
        try:
            picture = page_picture(bytes(report.pdf), page - 1, SCALE)
        except IndexError:
            return Response(f"The report has no page {page}.\n", 404, mimetype="text/plain")
        return Response(picture, mimetype="image/png", headers={"Cache-Control": "private, max-age=86400"})

    return _answer(number, made)


def _file(content: bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": attachment(name), "Cache-Control": "private, no-cache"}
    return Response(content, content_type=kind, headers=headers)
