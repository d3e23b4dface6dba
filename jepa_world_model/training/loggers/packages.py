"""Packages that a service needs, and that come with an extra."""

from importlib import import_module

from jepa_world_model.errors import UserError, install_hint


def need(service: str, *packages: str) -> None:
    """Import what a service needs. Raises UserError, with the command that installs it, where that fails."""
    for package in packages:
        try:
            import_module(package)
        except ImportError as missing:
            raise UserError(
                f"--log {service} cannot import {package} ({missing}); install it {install_hint(service)}"
            ) from missing
