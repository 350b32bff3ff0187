"""Andon's command line: `python app.py` serves; `python app.py --help` lists the rest."""

from dashapp.cli import main

if __name__ == "__main__":
    main()
