"""The `jepa` command line."""

from jepa_cli.terminal import own_packages

own_packages.claim()
