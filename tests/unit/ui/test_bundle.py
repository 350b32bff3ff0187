"""Our scripts and styles go out as one file each, whole and in order."""

import pytest
from flask import Flask

from dashapp.ui import bundle


@pytest.mark.parametrize(("joined", "pattern"), [(bundle.script, "*.js"), (bundle.styles, "*.css")])
def test_every_file_of_ours_is_in_the_bundle_and_in_order(joined, pattern):
    files = [file for file in sorted(bundle.ASSETS.glob(pattern)) if file.name not in bundle.APART]

    places = [joined().index(file.read_bytes()) for file in files]

    assert len(files) > 5
    assert places == sorted(places)


def test_the_page_asks_for_one_file_in_the_place_of_ours_and_keeps_the_others():
    scripts = [
        '<script src="/_dash-component-suites/a.js"></script>', '<script src="/assets/10-a.js?m=1.5"></script>',
        '<script src="/assets/20-b.js?m=1.5"></script>', '<script src="/_dash-component-suites/z.js"></script>',
    ]  # fmt: skip
    ours = f'<script src="{bundle.script_url()}"></script>'

    assert bundle.one_script("\n".join(scripts)).split() == "\n".join([scripts[0], ours, scripts[3]]).split()
    assert bundle.one_style_sheet('<link rel="stylesheet" href="/assets/a.css?m=1">').count(bundle.styles_url()) == 1


def test_both_files_are_served_with_their_type():
    server = Flask("site")
    bundle.register_bundle(server)
    client = server.test_client()

    assert client.get(bundle.script_url()).data == bundle.script()
    assert client.get(bundle.script_url()).mimetype == "text/javascript"
    assert client.get(bundle.styles_url()).mimetype == "text/css"
