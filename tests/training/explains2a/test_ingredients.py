from hyperlift.training.data.scenes import SceneConfig
from hyperlift.training.explains2a import ingredients
from hyperlift.training.explains2a.ingredients import SETTINGS, SPECTRA, Trial, leave_one_out, table_row


def test_each_ingredient_is_left_out_once_with_the_seed(monkeypatch, tmp_path):
    trials = []

    def trial(without, config, _data, left_out, plan):
        trials.append((config, left_out, plan.seed))
        return Trial(without, {})

    monkeypatch.setattr(ingredients, "_trial", trial)
    monkeypatch.setattr(ingredients, "data_folder", lambda _: tmp_path)
    names = [one.without for one in leave_one_out(SceneConfig(), seed=3)]
    assert names == ["nothing", *SETTINGS, *SPECTRA]
    assert {(config.seed, seed) for config, _, seed in trials} == {(3, 3)}
    whole = trials[0][0]
    assert all(config != whole or left_out for config, left_out, _ in trials[1:])


def test_a_row_has_both_footprints():
    means = {"one resolution": {"psnr": 40.0, "sam": 3.0}, "native footprints": {"psnr": 35.0, "sam": 3.6}}
    assert table_row(Trial("snow", means)) == "| snow | 40.00 / 3.00 | 35.00 / 3.60 |"
