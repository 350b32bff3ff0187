"""`python app.py [serve] | import | add-device | create-key | demo | migrate | …`: one small function a command."""

import faulthandler
import logging
import sys
from pathlib import Path

import click

from dashapp.request_id import WithRequest
from dashapp.settings import VERSION, Settings


class _DefaultServe(click.Group):
    """`serve` where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `serve` before options of its own."""
        if not args:
            args = ["serve"]
        return super().parse_args(ctx, args)


@click.group(cls=_DefaultServe, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version=VERSION, prog_name="Andon")
def main() -> None:
    """Andon watches a factory. Settings come from the environment (ANDON_*): see docs/configuration.md."""
    level = Settings().log_level.upper()
    written = logging.StreamHandler()
    written.addFilter(WithRequest())
    form = "%(asctime)s %(levelname)-7s %(name)s  %(request)s%(message)s"
    logging.basicConfig(level=level, format=form, datefmt="%H:%M:%S", handlers=[written])
    for chatty in ("apscheduler", "alembic", "httpx", "fontTools"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@main.command()
def serve() -> None:
    """Starts everything: database, pages, API, jobs. Ctrl-C stops it cleanly."""
    from dashapp.serving import serve as run

    faulthandler.enable()  # should compiled code of a library end the process, the log says in which call
    sys.exit(run(Settings()))


@main.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--device", "device_key", required=True, help="Key of the device that the columns belong to; made where it is missing.")
@click.option("--tenant", default="plant", show_default=True, help="Key of the tenant.")
@click.option("--zone", default="UTC", show_default=True, help="Zone of times that name none.")
@click.option("--map", "mapping", multiple=True, metavar="COLUMN=SENSOR[:UNIT]", help="A column’s sensor; “COLUMN=” leaves it out.")
@click.option("--separator", help="Between cells; guessed otherwise.")
@click.option("--time-column", help="Name of the column with the time; guessed otherwise.")
@click.option("--time-format", help="As strptime writes it; guessed otherwise.")
@click.option("--dry-run", is_flag=True, help="Says what would happen and changes nothing.")
def import_file(
    file: Path, device_key: str, tenant: str, zone: str, mapping: tuple[str, ...], separator: str | None, time_column: str | None,
    time_format: str | None, dry_run: bool,
) -> None:  # fmt: skip
    """Brings a historian's CSV export in: any separator and time format, wide or long. Importing again changes nothing."""
    from dashapp.importing import run_import

    overrides = {"separator": separator, "time_column": time_column, "time_format": time_format, "mapping": mapping}
    sys.exit(run_import(Settings(), file, device_key, tenant, zone, overrides, dry_run=dry_run))


@main.command("export")
@click.option("--device", "devices", multiple=True, help="Key of a device; may be repeated. Every device otherwise.")
@click.option("--sensor", "sensors", multiple=True, help="Key of a sensor, or DEVICE/KEY; may be repeated.")
@click.option("--line", "lines", multiple=True, help="A production line; may be repeated.")
@click.option("--from", "start", required=True, metavar="TIME", help="ISO 8601, such as 2026-01-31 or 2026-01-31T06:00+01:00.")
@click.option("--to", "end", metavar="TIME", help="ISO 8601; now otherwise. The end itself is not part of it.")
@click.option("--zone", default="UTC", show_default=True, help="Zone of times that name none.")
@click.option("--format", "form", type=click.Choice(["csv", "parquet", "xlsx"]), default="csv", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file; “-” is standard output.")
@click.option("--tenant", default="plant", show_default=True, help="Key of the tenant.")
def export(
    devices: tuple[str, ...], sensors: tuple[str, ...], lines: tuple[str, ...], start: str, end: str | None, zone: str, form: str,
    out: Path | None, tenant: str,
) -> None:  # fmt: skip
    """Writes readings into a file, of any length, beside a running server or without one."""
    from dashapp.exporting import run_export

    sys.exit(run_export(Settings(), devices, sensors, lines, (start, end, zone), form, out, tenant))


@main.command("undo-import")
@click.argument("number", type=int)
@click.option("--tenant", default="plant", show_default=True, help="Key of the tenant.")
def undo_import(number: int, tenant: str) -> None:
    """Takes back what an import stored and made, by its number in the list of imports."""
    from dashapp.importing import run_undo

    sys.exit(run_undo(Settings(), number, tenant))


@main.command("add-device")
@click.argument("key")
@click.option("--name", help="What people call it; the key otherwise.")
@click.option("--place", default="", help="Where it stands, such as “Building A - Floor 1”.")
@click.option("--line", default="", help="The production line that it belongs to.")
@click.option("--sensor", "sensors", multiple=True, metavar="KEY[:UNIT]", help="A measured quantity; may be given several times.")
@click.option("--tenant", default="plant", show_default=True, help="Key of the tenant.")
def add_device(key: str, name: str | None, place: str, line: str, sensors: tuple[str, ...], tenant: str) -> None:
    """Makes a device with its sensors, and prints a key and a curl command that sends its first reading."""
    from dashapp.administration import add_device as run

    sys.exit(run(Settings(), tenant, key, name or key, place, line, sensors))


@main.command("create-key")
@click.argument("name")
@click.option("--tenant", default="plant", show_default=True, help="Key of the tenant.")
def create_key(name: str, tenant: str) -> None:
    """Makes an ingest key and prints it, once."""
    from dashapp.administration import create_key as run

    sys.exit(run(Settings(), tenant, name))


@main.command()
@click.argument("what", type=click.Choice(["create", "remove"]))
@click.option("--yes", is_flag=True, help="Removes without asking.")
def demo(what: str, yes: bool) -> None:
    """Removes the demo plant with all that it has, or brings it back. Neither a restart nor ANDON_DEMO changes that again."""
    from dashapp.administration import create_demo, remove_demo

    sys.exit(create_demo(Settings()) if what == "create" else remove_demo(Settings(), confirmed=yes))


@main.command()
@click.option("--to", default="head", show_default=True, help="Revision; “base” removes every table.")
def migrate(to: str) -> None:
    """Brings the database's schema up (done at every start as well) or down."""
    from dashapp.administration import migrate as run

    sys.exit(run(Settings(), to))
