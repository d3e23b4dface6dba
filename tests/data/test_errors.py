from jepa_world_model.errors import nearest


def test_a_close_name_is_suggested() -> None:
    assert nearest("jepaa", ["recon", "jepa"]) == "did you mean 'jepa'?"


def test_nothing_is_suggested_when_nothing_is_close() -> None:
    assert nearest("xyz", ["recon", "jepa"]) == ""
