"""Making a Gymnasium environment that draws itself, with errors that say what to do."""

import os
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from jepa_world_model.errors import UserError, install_hint, nearest

INSTALL = install_hint("envs")
RECORDED_PACKAGES = ("gymnasium", "minigrid", "ale-py", "numpy")


def make_env(env_id: str, env_kwargs: Mapping[str, Any]) -> Any:
    """Make ``env_id`` with rgb_array rendering. Raises UserError where Gymnasium or a package it needs objects."""
    if "render_mode" in env_kwargs:
        raise UserError("render_mode is rgb_array in a recording; leave it out")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # no screen is needed for arrays
    gymnasium = _gymnasium()
    _register_known_packages(gymnasium)
    try:
        return gymnasium.make(env_id, render_mode="rgb_array", **env_kwargs)
    except gymnasium.error.DependencyNotInstalled as error:
        raise UserError(f"{env_id} needs a package that is not installed: {error}") from error
    except gymnasium.error.UnregisteredEnv as error:
        hint = nearest(env_id, gymnasium.registry, otherwise=f"its package may be missing; install it {INSTALL}")
        raise UserError(f"unknown environment {env_id!r}; {hint}") from error
    except Exception as error:  # its code may raise anything, such as an AssertionError
        raise UserError(f"{env_id} cannot be made with {dict(env_kwargs)}: {error}") from error


def render(env: Any) -> np.ndarray:
    """Return the picture [H, W, 3] uint8 of the environment as it is now, grey ones too. Raises UserError when it draws
    none."""
    try:
        image = env.render()
    except _gymnasium().error.DependencyNotInstalled as error:
        raise UserError(f"{env.spec.id} needs a package to draw that is not installed: {error}") from error
    except NotImplementedError:
        image = None
    if isinstance(image, np.ndarray) and image.dtype == np.uint8:
        image = image[..., None] if image.ndim == 2 else image
        if image.ndim == 3 and image.shape[2] == 1:
            return np.repeat(image, 3, axis=2)
        if image.ndim == 3 and image.shape[2] in (3, 4):
            return image[..., :3]
    found = f"{image.dtype} of shape {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
    raise UserError(
        f"{env.spec.id}: expected an RGB image, or a grey one, from render(), found {found}; choose an environment "
        f"with render mode rgb_array, this one has {env.metadata.get('render_modes')}"
    )


def package_versions() -> dict[str, str]:
    """Return the versions of the installed packages that decide what an environment does."""
    versions = {}
    for package in RECORDED_PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _gymnasium() -> Any:
    try:
        return import_module("gymnasium")
    except ImportError as error:
        raise UserError(f"collecting from an environment needs gymnasium; install it {INSTALL}") from error


def _register_known_packages(gymnasium: Any) -> None:
    """Importing these packages, or registering them, makes their ids known; without them their ids stay unknown."""
    for package in ("minigrid", "ale_py"):
        try:
            gymnasium.register_envs(import_module(package))
        except ImportError:
            continue
