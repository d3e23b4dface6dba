"""`python -m jepa_cli`."""

from jepa_cli.app import app

app()
