"""Shipped runs: opened before anything is trained, and held against today's code."""

import inspect
import json
import re

import pytest
import torch

from course_lib import data
from course_lib.data import inputs
from course_lib.models import gan, gaussian, hvae, vae
from course_lib.paths import weights_root
from course_lib.training import fingerprint, records, runs, shipping, steps

WORDS = ["faces/train/24:x"]
SMALL = {"z_dim": 4, "width": 4, "batch": 8}


@pytest.fixture(autouse=True)
def own_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "weights"))


def train(**more):
    return runs.train_or_load(vae.recipe, [inputs.tensor(WORDS[0])], SMALL, 2, **more)


@pytest.fixture
def shipped():
    """A small VAE of faces, trained, shipped and gone from the cache; its record's path."""
    return shipping.ship(records.name_of(train().about), WORDS)


@pytest.fixture
def untrained(no_training):
    no_training()


def the_fault(path):
    return shipping.problem(path)[0]


def test_a_shipped_run_is_opened_where_the_cache_has_none(no_training, capsys):
    before = train()
    shipping.ship(records.name_of(before.about), WORDS)
    no_training()
    after = train()
    for a, b in zip(before.model.parameters(), after.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert after.history.equals(before.history)
    out = capsys.readouterr().out
    assert "shipped run models.vae.recipe" in out and "2 epochs, trained in" in out


def test_a_run_in_the_cache_goes_before_a_shipped_one(shipped, capsys):
    runs.train_or_load(vae.recipe, [inputs.tensor(WORDS[0])], SMALL, 2, retrain=True)
    capsys.readouterr()
    train()
    assert "kept run" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["flip", "gone", "record"])
def test_a_damaged_shipped_file_is_said_kept_and_trained_instead(damage, shipped, capsys):
    weights = shipped.with_suffix(".safetensors")
    if damage == "flip":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif damage == "gone":
        weights.unlink()
    else:
        shipped.write_text(shipped.read_text()[:-40])
    assert not train().about.get("shipped")
    said = capsys.readouterr().out
    fault = "(git checkout -- weights brings it back); it is trained here instead"
    assert f"shipped run {shipped.stem}: " in said and fault in said
    known = re.search(r"; the one that ships took \d+ s on CPU, 1 thread\n", said)
    assert bool(known) == (damage != "record")
    assert shipped.is_file(), "what ships is never deleted"
    assert the_fault(shipped)


def test_a_shipped_record_that_is_gone_beside_its_weights_is_said(shipped, capsys):
    shipped.unlink()
    assert not train().about.get("shipped")
    said = f"{shipped.name} is missing (git checkout -- weights brings it back); it is trained here"
    assert said in capsys.readouterr().out


def test_a_cache_that_cannot_be_written_does_not_matter_to_a_shipped_run(
    shipped, untrained, monkeypatch, tmp_path
):
    x = inputs.tensor(WORDS[0])  # rendered before the cache is gone
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "a file"))
    monkeypatch.setattr(fingerprint, "source_digest", lambda f: "compared, and not remembered")
    assert runs.train_or_load(vae.recipe, [x], SMALL, 2).about["shipped"] == shipped.stem


def test_another_torch_is_said_and_the_behaviour_compared_once(shipped, untrained, capsys):
    record = json.loads(shipped.read_text())
    record["about"]["torch"] = "2.3.0"
    shipped.write_text(json.dumps(record))
    train()
    assert "by torch 2.3.0, here is" in capsys.readouterr().out
    with pytest.MonkeyPatch.context() as watched:
        watched.setattr(fingerprint, "fingerprint", lambda *a: pytest.fail("compared again"))
        train()


def test_data_that_differ_in_rounding_open_it_and_other_data_do_not(shipped, capsys):
    x = inputs.tensor(WORDS[0])
    rounded = x.clone()
    rounded[5, 0, 3, 7] ^= 1
    opened = runs.train_or_load(vae.recipe, [rounded], SMALL, 2)
    assert opened.about["shipped"] and "differ in rounding" in capsys.readouterr().out
    other = runs.train_or_load(vae.recipe, [255 - x], SMALL, 2)
    assert not other.about.get("shipped")
    assert "trained on other data" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["rounded", "fewer", "others"])
def test_what_is_measured_after_each_epoch_may_differ_in_rounding_alone(
    change, no_training, capsys
):
    held = inputs.tensor("faces/test/20:x").clone()
    measured = lambda: train(evaluate=vae.held_out, held=[held])
    shipping.ship(records.name_of(measured().about), WORDS)
    held[5, 0, 3, 7] ^= 1
    if change == "rounded":
        no_training()
        assert measured().about["shipped"] and "differ in rounding" in capsys.readouterr().out
        return
    held = held[:19] if change == "fewer" else held.flip(0)
    assert not measured().about.get("shipped")
    assert "it was trained on" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["one black", "two swapped", "fewer"])
def test_data_of_which_a_few_rows_differ_are_other_data(change, shipped, capsys):
    x = inputs.tensor(WORDS[0]).clone()
    if change == "one black":
        x[21] = 0
    elif change == "two swapped":
        x[[20, 22]] = x[[22, 20]]
    else:
        x = x[:20]
    assert not runs.train_or_load(vae.recipe, [x], SMALL, 2).about.get("shipped")
    assert "it was trained on" in capsys.readouterr().out


def test_a_run_that_was_opened_by_its_kin_names_the_data_of_here(shipped):
    rounded = inputs.tensor(WORDS[0]).clone()
    rounded[5, 0, 3, 7] ^= 1
    run = runs.train_or_load(vae.recipe, [rounded], SMALL, 2)
    assert run.about["shipped"] and run.about["data_sha256"] == data.digest(rounded)


@pytest.mark.parametrize("text", ["[1, 2]", '{"about": {}}', '{"about": [1]}', "\udcff", "{"])
def test_what_is_no_record_is_said_and_breaks_nothing(text, shipped, capsys):
    shipped.write_bytes(text.encode(errors="surrogateescape"))
    stranger = shipped.with_name("models.vae.recipe-0.json")
    stranger.write_bytes(b"\xff\xfe")
    assert not train().about.get("shipped")
    assert "it is trained here instead" in capsys.readouterr().out
    assert shipping.main(["check"]) == 1
    assert shipped.stem in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("inputs", ["nonsense"], "names no tensor"),
        ("inputs", None, "names no inputs"),
        ("fingerprint", {}, "of another version"),
    ],
)
def test_a_record_that_cannot_be_compared_says_why(key, value, reason, shipped):
    record = json.loads(shipped.read_text()) | {key: value}
    shipped.write_text(json.dumps(record))
    assert reason in the_fault(shipped)


def test_what_was_measured_beside_a_run_stays_when_it_ships():
    run = train()
    beside = records.folder_of(run.about) / "rows-0" / "0.safetensors"
    beside.parent.mkdir()
    beside.write_text("")
    shipping.ship(records.name_of(run.about), WORDS)
    assert beside.is_file() and not records.cached(run.about)[0].exists()


def test_mistakes_on_the_command_line_are_one_line(shipped, monkeypatch, tmp_path, capsys):
    assert shipping.main(["restamp", "--renamed", "foo"]) == 1
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "file"))
    assert shipping.main(["check"]) == 1
    err = capsys.readouterr().err
    assert "takes OLD=NEW" in err and "is no folder" in err and "Traceback" not in err


# ---- the five steps -----------------------------------------------------------------------------


def test_nothing_changed_nothing_found(shipped):
    assert the_fault(shipped) is None


def test_the_five_steps_catch_a_changed_formula(shipped, monkeypatch):
    original = gaussian.kl_per_dim
    monkeypatch.setattr(gaussian, "kl_per_dim", lambda *a: 1.01 * original(*a))
    assert "step 1: kl is" in the_fault(shipped)


def test_the_five_steps_catch_a_flipped_sign_in_the_update(shipped, monkeypatch):
    original = steps.update
    monkeypatch.setattr(steps, "update", lambda opt, loss, clip=0.0: original(opt, -loss, clip))
    assert "step 2" in the_fault(shipped)


def test_a_kl_that_is_0_at_the_start_has_a_sign_all_the_same(monkeypatch):
    def used():
        x = inputs.tensor("faces/train/8:x:side=32")
        how = dict(sides=(2, 4, 8), width=(8, 8, 8), groups=(1, 1, 1), z_dim=2, batch=4)
        return fingerprint.fingerprint(hvae.recipe, [x], how, 1)

    before, kl = used(), hvae.kl
    assert abs(before["losses"][0]["kl"]) < 1e-3, "the case that this test is about"
    assert fingerprint.difference(before, used()) is None
    monkeypatch.setattr(hvae, "kl", lambda group: -kl(group))
    assert "away from the start" in fingerprint.difference(before, used())


def test_the_five_steps_catch_a_changed_order_of_pictures(shipped, monkeypatch):
    original = data.Batches.epoch
    monkeypatch.setattr(data.Batches, "epoch", lambda self, e, skip=0: original(self, e + 7, skip))
    assert "step 1" in the_fault(shipped)


def test_the_five_steps_catch_a_changed_default(shipped, monkeypatch):
    defaults = vae.recipe.__defaults__
    monkeypatch.setattr(vae.recipe, "__defaults__", tuple(0.3 if d == 0.1 else d for d in defaults))
    assert the_fault(shipped) == "it was trained with sigma=0.1; by today's default it is 0.3"


def test_the_five_steps_catch_a_default_inside_the_recipe(shipped, monkeypatch):
    original = steps.adam
    monkeypatch.setattr(steps, "adam", lambda model, lr: original(model, lr, betas=(0.0, 0.999)))
    assert "step" in the_fault(shipped)


def test_the_five_steps_catch_another_course_of_the_learning_rate(shipped, monkeypatch):
    def annealed(model, loss, lr, n_steps, ema):
        step = original(model, loss, lr, n_steps, ema)
        schedule = torch.optim.lr_scheduler.StepLR(step.optimizer, 6, 0.5)
        step.schedule = step.parts["schedule"] = schedule
        return step

    original = steps.annealed
    monkeypatch.setattr(vae, "annealed", annealed)
    assert the_fault(shipped).endswith("its learning rate takes another course")


def test_a_renamed_function_passes(shipped, monkeypatch):
    monkeypatch.setattr(fingerprint, "source_digest", lambda f: "other text")
    monkeypatch.setattr(vae, "objective", vae.loss, raising=False)
    assert the_fault(shipped) is None


def copied(recipe, **more):
    """A recipe that does the same and has further options, which change nothing."""

    def copy(*tensors, **settings):
        return recipe(*tensors, **{k: v for k, v in settings.items() if k not in more})

    known = inspect.signature(recipe)
    options = [
        inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY, default=v) for k, v in more.items()
    ]
    copy.__signature__ = known.replace(parameters=[*known.parameters.values(), *options])
    copy.__module__, copy.__name__ = recipe.__module__, "trained" if not more else "recipe"
    return copy


# ---- restamp ------------------------------------------------------------------------------------


def test_restamp_writes_down_the_code_that_behaves_alike(shipped, monkeypatch, capsys):
    monkeypatch.setattr(fingerprint, "source_digest", lambda f: "other text")
    assert shipping.main(["restamp"]) == 0
    assert json.loads(shipped.read_text())["source_sha256"] == "other text"
    assert "1 of 1 shipped runs hold" in capsys.readouterr().out


def test_restamp_refuses_what_behaves_otherwise(shipped, monkeypatch, capsys):
    before = shipped.read_bytes()
    monkeypatch.setattr(fingerprint, "source_digest", lambda f: "other text")
    original = gaussian.kl_per_dim
    monkeypatch.setattr(gaussian, "kl_per_dim", lambda *a: 1.01 * original(*a))
    assert shipping.main(["restamp"]) == 1
    assert shipped.read_bytes() == before
    assert "step 1: kl is" in capsys.readouterr().err


def test_restamp_takes_what_a_notebook_has_found_of_the_code_that_measures(monkeypatch, capsys):
    x = inputs.tensor(WORDS[0])
    measured = dict(evaluate=vae.held_out, held=[x])
    path = shipping.ship(records.name_of(train(**measured).about), WORDS)
    first = json.loads(path.read_text())["evaluate_sha256"]
    monkeypatch.setattr(fingerprint, "source_digest", lambda f: f"other text of {f.__name__}")
    assert shipping.main(["restamp"]) == 0
    assert json.loads(path.read_text())["evaluate_sha256"] == first, "nobody has compared it"
    assert train(**measured).about["shipped"] == path.stem
    assert shipping.main(["restamp"]) == 0
    record = json.loads(path.read_text())
    assert record["evaluate_sha256"] == "other text of held_out"
    assert record["source_sha256"] == "other text of recipe"


def test_restamp_follows_a_recipe_to_its_new_name(shipped, untrained, monkeypatch):
    trained = copied(vae.recipe)
    monkeypatch.setattr(vae, "trained", trained, raising=False)
    monkeypatch.delattr(vae, "recipe")
    assert "no recipe models.vae.recipe any more" in the_fault(shipped)
    renamed = ["restamp", "--renamed", "models.vae.recipe=models.vae.trained"]
    assert shipping.main(renamed) == 0 and not shipped.exists()
    (path,) = shipping.manifests()
    assert the_fault(path) is None
    run = runs.train_or_load(trained, [inputs.tensor(WORDS[0])], SMALL, 2)
    assert run.about["shipped"] == path.stem


def test_an_option_that_changes_nothing_needs_a_new_key_and_no_training(shipped, monkeypatch):
    recipe = copied(vae.recipe, new=None)
    monkeypatch.setattr(vae, "recipe", recipe)
    assert shipping.main(["check"]) == 1
    assert shipping.main(["restamp"]) == 0 and shipping.main(["check"]) == 0


# ---- what ships ---------------------------------------------------------------------------------


def test_half_precision_comes_back_as_the_numbers_that_were_stored():
    before = train()
    path = shipping.ship(records.name_of(before.about), WORDS, half=True)
    after = train()
    for a, b in zip(before.model.parameters(), after.model.parameters(), strict=True):
        assert b.dtype == torch.float32
        assert torch.equal(b, a.half().float() if a.ndim > 1 else a)
    assert json.loads(path.read_text())["stored"] == "float16"


@pytest.mark.parametrize(
    ("recipe", "part", "word"),
    [(vae.recipe, "model", WORDS[0]), (gan.recipe, "generator", WORDS[0] + ":side=32")],
)
def test_an_average_that_ships_alone_is_the_part_that_it_is_of(recipe, part, word):
    how = dict(width=4, batch=8, z_dim=4, ema=0.9, epochs=2)
    opened = lambda: runs.train_or_load(recipe, [inputs.tensor(word)], how, 2)
    before = opened()
    shipping.ship(records.name_of(before.about), [word], average=True)
    parts = opened().step.parts
    for name, weights in before.step.parts["average"].module.state_dict().items():
        assert torch.equal(parts[part].state_dict()[name], weights)
        assert torch.equal(parts["average"].module.state_dict()[name], weights)


@pytest.mark.parametrize(
    ("words", "more", "reason"),
    [
        (["faces/train/23:x"], {}, "was not trained on"),
        (["faces/train/24:z"], {}, "names no tensor"),
        (WORDS, {"limit": 1000}, "a shipped run has 0 at most"),
    ],
)
def test_what_must_not_ship_is_refused_in_one_line(words, more, reason):
    name = records.name_of(train().about)
    with pytest.raises(ValueError, match=reason):
        shipping.ship(name, words, **more)
    assert not weights_root().exists()


def test_the_command_ships_and_says_what_it_cannot(capsys):
    name = records.name_of(train().about)
    assert shipping.main(["ship", "vae.recipe-0", *WORDS]) == 1
    assert f"it has {name}" in capsys.readouterr().err
    assert shipping.main(["ship", name, *WORDS]) == 0
    assert "shipped: " in capsys.readouterr().out
