from audits.errors import nearest


def test_a_close_name_is_suggested() -> None:
    assert nearest("jepaa", ["recon", "jepa"]) == "did you mean 'jepa'?"


def test_when_nothing_is_close_all_are_named_or_what_was_given() -> None:
    assert nearest("xyz", iter(["recon", "jepa"])) == "known are 'recon', 'jepa'"
    assert nearest("xyz", ["recon", "jepa"], otherwise="") == ""
