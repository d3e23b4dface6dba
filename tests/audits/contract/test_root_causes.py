"""Many drifts of one cause are one root cause; drifts without a known cause are told on their own."""

from dataclasses import replace

from audits import Drift, DriftKind, Place
from audits.contract.root_causes import RootCause, named, root_causes

PLACE = Place("states.py", 81, "trainer.states", "States.z", "self.encoder(x).detach()")
NEW = Drift(
    DriftKind.STOP_NEW, ("default", "open=True"), "recon", "", f"no stop at {PLACE.key}", "its gradient is cut there",
    f"cut at {PLACE}", "remove the stop", PLACE, origin=PLACE.key,
)  # fmt: skip
MISSING = Drift(
    DriftKind.MISSING, ("default",), "recon", "encoder", "updates encoder", "absent", f"cut at {PLACE}", "let it"
)  # fmt: skip
ROUTE = Drift(DriftKind.ROUTE, ("default",), "recon", "", "decoder(z) with x", "decoder(z) with y", "others", "check")


def of(loss: str, *drifts: Drift) -> list[Drift]:
    return [replace(drift, loss=loss) for drift in drifts]


def test_a_new_stop_is_told_once_with_all_losses_and_what_follows() -> None:
    (root_cause,) = root_causes([*of("recon", NEW, MISSING), *of("sigreg", NEW, MISSING)])
    assert root_cause.losses == ("recon", "sigreg")
    assert root_cause.settings == ("default", "open=True")
    assert root_cause.headline == f"new stop at {PLACE} (self.encoder(x).detach())"
    assert root_cause.effects() == ["encoder is no longer updated by recon and sigreg"]


def test_a_drift_of_another_loss_or_setting_is_no_consequence() -> None:
    elsewhere = replace(MISSING, settings=("closed=False",))
    told = root_causes([NEW, *of("other", MISSING), elsewhere])
    assert [root_cause.follows for root_cause in told] == [(), (), ()]


def test_equal_drifts_of_several_losses_are_one_story() -> None:
    told = root_causes([*of("recon", ROUTE), *of("sigreg", ROUTE), *of("jepa", replace(ROUTE, reason="another"))])
    assert [root_cause.losses for root_cause in told] == [("recon", "sigreg"), ("jepa",)]


def test_a_drift_of_a_gate_is_headed_by_the_gate() -> None:
    of_gate = Drift(DriftKind.GATE_DEFAULT, (), "", "", "closed = on", "False", "stated", "correct it", gate="closed")
    told = root_causes([of_gate, replace(of_gate, expected="open = on", gate="open")])
    assert [root_cause.headline for root_cause in told] == ["closed: gate default", "open: gate default"]
    assert told[0].losses == ()
    assert str(of_gate).startswith("closed: gate default: expected closed = on")


def test_presence_is_told_before_routes() -> None:
    effects = RootCause((NEW,), (ROUTE, MISSING)).effects()
    assert effects == ["encoder is no longer updated by recon", "the routes of recon change"]


def test_no_drift_is_lost() -> None:
    drifts = [NEW, MISSING, ROUTE, *of("jepa", MISSING, ROUTE), *of("h2z", MISSING)]
    told = root_causes(drifts)
    assert sorted(map(str, drifts)) == sorted(
        str(drift) for root_cause in told for drift in root_cause.causes + root_cause.follows
    )


def test_many_losses_are_counted() -> None:
    assert named(["a"]) == "a"
    assert named("abcd") == "a, b, c and d"
    assert named("abcdef") == "a, b, c and 3 more losses"


def test_other_routes_of_a_loss_follow_from_its_stop_at_any_setting() -> None:
    (root_cause,) = root_causes([NEW, replace(ROUTE, settings=("closed=False",))])
    assert [drift.kind for drift in root_cause.follows] == [DriftKind.ROUTE]
