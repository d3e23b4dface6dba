"""Names in plain prose."""

import pytest

from audits.contract.prose import loss_names, module_names

MODULES = ("encoder", "decoder", "predictor", "h_to_z", "z_to_h", "inverse_dynamics_h")
LOSSES = ("recon", "recon_patch", "aux/recon")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("predictor, h_to_z", ["predictor", "h_to_z"]),
        ("encoder + decoder", ["encoder", "decoder"]),
        ("encoder+decoder", ["encoder", "decoder"]),
        ("encoder/decoder; h_to_z & z_to_h", ["encoder", "decoder", "h_to_z", "z_to_h"]),
        ("z_to_h only (h_to_z frozen for aux)", ["z_to_h"]),
        ("inverse_dynamics_h head + predictor", ["inverse_dynamics_h", "predictor"]),
        ("`encoder` and `decoder`", ["encoder", "decoder"]),
        ("both `encoder, decoder`", ["encoder", "decoder"]),
        ("The decoder", ["decoder"]),
        ("just the **encoder** and also the _decoder_ network", ["encoder", "decoder"]),
        ("[encoder](../model.py) and decoder.", ["encoder", "decoder"]),
        ("encoder<br>decoder,", ["encoder", "decoder"]),
        ("encoder (through z (twice))", ["encoder"]),
        ("encoder, encoder", ["encoder"]),
        ("none", []),
        ("Nothing.", []),
        ("—", []),
        ("-", []),
        ("", []),
        ("— (all frozen)", []),
    ],
)
def test_accepted(text: str, names: list[str]) -> None:
    assert module_names(text, MODULES) == (names, [])


@pytest.mark.parametrize(
    ("text", "modules", "names"),
    [
        ("head", ("head", "encoder"), ["head"]),
        ("the head", ("head", "encoder"), ["head"]),
        ("encoder head", ("head", "encoder"), ["encoder"]),
        ("head, net and encoder", ("head", "net", "encoder"), ["head", "net", "encoder"]),
        ("only", ("only",), ["only"]),
        ("none", ("none",), ["none"]),
        ("a/b, a", ("a", "b", "a/b"), ["a/b", "a"]),
        ("a and b.0", ("a", "b.0"), ["a", "b.0"]),
        ("0, 1", ("0", "1"), ["0", "1"]),
        ("my encoder and decoder", ("my encoder", "decoder"), ["my encoder", "decoder"]),
        ("_private", ("_private",), ["_private"]),
    ],
)
def test_names_that_look_like_something_else(text: str, modules: tuple[str, ...], names: list[str]) -> None:
    assert module_names(text, modules) == (names, [])


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("encodr", "unknown module 'encodr': did you mean 'encoder'?"),
        ("Encoder", "did you mean 'encoder'?"),
        ("big encoder", "unknown module 'big' in 'big encoder'"),
        ("encoder.conv", "unknown module 'encoder.conv'"),
        ("encoder decoder", "'encoder decoder' names several modules: put commas between them"),
        ("encoder, not decoder", "'not decoder' says what is not updated"),
        ("no encoder", "says what is not updated: name only what is updated"),
        ("everything except encoder", "says what is not updated"),
        ("encoder without decoder", "says what is not updated"),
        ("all", "unknown module 'all': known are"),
        ("the head", "'the head' names no module"),
        ("encoder, none", "unknown module 'none'"),
        ("encoder (open", "unknown module '(open' in 'encoder (open'"),
    ],
)
def test_refused(text: str, part: str) -> None:
    _, problems = module_names(text, MODULES)
    assert part in "; ".join(problems)


def test_every_item_is_judged() -> None:
    names, problems = module_names("encodr, decoder and preditor", MODULES)
    assert names == ["decoder"]
    assert len(problems) == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("`recon`, `recon_patch`", ["recon", "recon_patch"]),
        ("the recon loss and recon_patch (weight 0)", ["recon", "recon_patch"]),
        ("aux/recon", ["aux/recon"]),
    ],
)
def test_losses(text: str, names: list[str]) -> None:
    assert loss_names(text, LOSSES) == (names, [])


def test_an_unknown_loss_is_kept_as_it_stands() -> None:
    assert loss_names("`recon`, other/recon", LOSSES)[0] == ["recon", "other/recon"]
    assert "did you mean 'recon'?" in loss_names("other/recon", LOSSES)[1][0]
