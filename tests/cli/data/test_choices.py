"""The choices of `jepa data` that are written down twice are the same."""

from jepa_cli.data.choices import FITS
from jepa_world_model import picture_fit


def test_the_ways_to_frame_a_picture_are_those_of_the_data() -> None:
    assert FITS == picture_fit.FITS
