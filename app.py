"""Andon's command line: `python app.py` serves; `python app.py --help` lists the rest."""

import warnings

warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")  # of a library, about a folder that we do not use

from dashapp.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
