"""`jepa data`."""

from pathlib import Path
from typing import Annotated

import typer

from jepa_cli.data.choices import FITS, FORMATS
from jepa_cli.terminal.command import Command, CommandGroup, examples, reports_user_errors
from jepa_cli.terminal.completion import one_of

Source = Annotated[str, typer.Argument(metavar="PATH", help="A file or folder in any known format.")]
Cameras = Annotated[
    list[str] | None,
    typer.Option("--camera", metavar="NAME", help="Camera to use; repeatable, and stacked on the channels."),
]
Fit = Annotated[str, one_of(FITS, help="How pictures that are not square are made so.")]


@reports_user_errors
@examples(
    "jepa data show demo.hdf5",
    "jepa data show data/four-rooms --out sheet.png",
    "jepa data show replay/ --out preview.html",
    "jepa data show data/four-rooms --format json",
)
def show(
    path: Source,
    cameras: Cameras = None,
    fit: Fit = "letterbox",
    out: Annotated[
        Path | None,
        typer.Option(metavar="PNG|HTML", help="Also write a contact sheet or a web page.", show_default=False),
    ] = None,
    format: Annotated[str, one_of(FORMATS, help="Format of the report.")] = "rich",
) -> None:
    """Say what a data set is: format, episodes, shapes, ranges of actions, and what is wrong with it."""
    from jepa_cli.data.show import ShowRequest, run_show

    run_show(ShowRequest(path, tuple(cameras or ()), fit, out, format))


@reports_user_errors
@examples(
    "jepa data convert demo.hdf5 data/demo",
    "jepa data convert replay/ data/replay --size 96 --fit crop",
    "jepa data convert demo.hdf5 data/demo --camera front --camera wrist",
)
def convert(
    path: Source,
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to create, in the open format.")],
    size: Annotated[int, typer.Option(min=1, help="Frames are resized to SIZE x SIZE pixels.")] = 64,
    cameras: Cameras = None,
    fit: Fit = "letterbox",
) -> None:
    """Convert a data set to the open format."""
    from jepa_cli.data.convert import ConvertRequest, run_convert

    run_convert(ConvertRequest(path, out, size, tuple(cameras or ()), fit))


data = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Show or convert data sets.",
)
data.command(cls=Command, short_help="Say what a data set is.")(show)
data.command(cls=Command, short_help="Convert a data set to the open format.")(convert)
