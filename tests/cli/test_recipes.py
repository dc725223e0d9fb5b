"""Recipes and --set: what is no recipe, no setting or no sensible value is refused before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurodeploy.recipes import load_recipe
from tests.cli.support import TINY, Shell

FILES = {
    "broken": ("a = = 1", "broken.toml: is not TOML .Invalid value .at line 1"),
    "empty": ("", "empty.toml: is empty .0 bytes"),
    "unknown_table": ('bogus = 1\n[data]\ndataset = "digits"', "'bogus' is not a setting; settings are in the tables"),
    "unknown_key": (
        '[data]\ndataset = "digits"\n[training]\nepoch = 1',
        "'training.epoch' is not a setting; did you mean 'training.epochs'",
    ),
    "dataset": ('[data]\ndataset = "digit"', "data.dataset 'digit' is unknown; did you mean 'digits'"),
    "chip": ('chip = "loihi9"\n[data]\ndataset = "digits"', "chip 'loihi9' is unknown; did you mean 'loihi2'"),
    "words": (
        '[data]\ndataset = "digits"\n[training]\nepochs = "5"',
        "epochs: input should be a valid integer, found '5'",
    ),
    "a_value_for_a_table": ('data = "digits"', "data: input should be a valid dictionary"),
    "itself": ('extends = "itself"', "extends itself by way of itself.toml; remove one"),
    "absent_base": ('extends = "nowhere"', "nowhere.toml: cannot be read .No such file"),
    "number_as_base": ("extends = 3", "extends is 3, the name of one recipe"),
    "list_as_base": ('extends = ["digits"]', "the name of one recipe is needed"),
}

SETTINGS = {
    "training.epoch=1": "--set: 'training.epoch' is not a setting; did you mean 'training.epochs'",
    "epochs=1": "did you mean 'training.epochs'",
    "quantise.weight_bits=4": "did you mean 'quantize.weight_bits'",
    "nonsense=1": "settings are in the tables data, network, training, quantize, certificate",
    "training=1": "--set: 'training' is not a setting; name one in this table, e.g. 'training.seed'",
    "training.epochs": "--set: found 'training.epochs', key=value is needed",
    "": "--set: found '', key=value is needed",
    "=1": "--set: '' is not a setting",
    "a.b.c=1": "--set: 'a.b.c' is not a setting",
    "training.epochs.x=1": "epochs is a value, not a table",
    "data.dataset.x=1": "dataset is a value, not a table",
    "training.epochs=": "training.epochs: input should be a valid integer.*found ''",
    "training.epochs=many": "training.epochs: .*found 'many'",
    "training.epochs=0": "greater than or equal to 1, found 0",
    "training.epochs=1.5": "found 1.5",
    "training.epochs=true": "training.epochs: input should be a valid integer, found True",
    "training.learning_rate=nan": "found nan",
    "training.learning_rate=inf": "input should be a finite number, found inf",
    "training.seed=-1": "training.seed: .*found -1",
    "training.seed=99999999999999999999": "training.seed: input should be less than or equal to 4294967295",
    "training.threads=100000": "training.threads: input should be less than or equal to 256",
    "training.accelerator=abacus": "accelerator: input should be 'cpu', 'gpu', 'cuda', 'mps' or 'auto', found 'abacus'",
    "network.hidden=[0]": "network.hidden.0: input should be greater than or equal to 1, found 0",
    "network.hidden=[1000000000]": "network.hidden.0: input should be less than or equal to 65536",
    "network.hidden=16": r"network.hidden: a list is needed, e.g. \[16\], found 16",
    "network.neuron=lifx": "input should be 'lif' or 'cuba_lif', found 'lifx'",
    "network.beta=1": "less than 1, found 1",
    "quantize.weight_bits=9": "less than or equal to 8, found 9",
    "quantize.method=magic": "'ptq' or 'qat', found 'magic'",
    "data.dataset=digit": "did you mean 'digits'",
    "data.n_steps=1000000000000": "data.n_steps: input should be less than or equal to 1000000",
    "data.validation_part=0.0001": "its validation part is empty with validation_part = 0.0001",
    "data.validation_part=0.9999": "its train part is empty",
    "certificate.lava=maybe": "found 'maybe'",
    "chip=loihi9": "did you mean 'loihi2'",
    "name=[1]": "name: input should be a valid string",
}


@pytest.mark.parametrize("verb", ["run", "train"])
def test_names_of_no_recipe(shell: Shell, verb: str) -> None:
    shell.refuses(verb, "digit", "--out", "out", says="'digit' is not a recipe; did you mean 'digits'")
    shell.refuses(
        verb, "zzz", "--out", "out", says="choose one of braille7, .*digits, .*neurodeploy recipes lists them"
    )
    shell.refuses(verb, "", "--out", "out", says="'' is not a recipe")
    shell.refuses(verb, "absent.toml", "--out", "out", says="absent.toml: cannot be read .No such file")
    (shell.folder / "folder.toml").mkdir()
    shell.refuses(verb, "folder.toml", "--out", "out", says="folder.toml: cannot be read .Is a directory")
    (shell.folder / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    shell.refuses(verb, "bytes.toml", "--out", "out", says="bytes.toml: is not TOML")


@pytest.mark.parametrize("name", FILES)
def test_bad_recipe_files_are_refused(shell: Shell, name: str) -> None:
    text, says = FILES[name]
    (shell.folder / f"{name}.toml").write_text(text)
    shell.refuses("train", f"{name}.toml", "--out", "out", says=says)


def test_recipes_that_extend_each_other_are_refused(shell: Shell) -> None:
    (shell.folder / "a.toml").write_text('extends = "b"')
    (shell.folder / "b.toml").write_text('extends = "a"')
    shell.refuses("run", "a.toml", "--out", "out", says="extends itself by way of a.toml -> b.toml")


@pytest.mark.parametrize("setting", SETTINGS)
def test_bad_settings_are_refused(shell: Shell, setting: str) -> None:
    shell.refuses("train", "digits", "--out", "out", *TINY, "--set", setting, says=SETTINGS[setting])


def test_a_device_that_is_absent_is_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    setting = ("--set", "training.accelerator=gpu")
    shell.refuses("train", "digits", "--out", "out", *setting, says="found 'gpu', this machine has none")


def test_a_recipe_can_extend_a_shipped_one_and_one_beside_it(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text('extends = "digits"\n[network]\nhidden = [8]\n')
    (tmp_path / "smaller.toml").write_text('extends = "small"\n[training]\nepochs = 2\n')
    recipe = load_recipe(str(tmp_path / "smaller.toml"), ["quantize.weight_bits=4", "description=with = signs"])
    assert (recipe.name, recipe.network.model_dump()["hidden"], recipe.training.epochs) == ("smaller", (8,), 2)
    assert (recipe.quantize.weight_bits, recipe.description, recipe.data.dataset) == (4, "with = signs", "digits")


def test_every_shipped_recipe_is_listed_with_all_its_settings(shell: Shell) -> None:
    found = shell.works("recipes")["recipes"]
    assert {"braille7", "digits"} <= found.keys()
    for name, one in found.items():
        assert one["recipe"]["name"] == name
        assert one["recipe"]["training"]["epochs"] >= 1


@pytest.mark.parametrize("verb", ["run", "train"])
@pytest.mark.parametrize("slip", ["training.epoch=3", "training.epochs", "training.epochs=many"])
def test_a_slip_in_a_setting_is_told_before_a_verb_is_loaded(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, verb: str, slip: str
) -> None:
    monkeypatch.setattr("neurodeploy.cli.verb.neurodeploy", None)
    shell.refuses(verb, "digits", "--out", "out", "--set", slip, says="training.epoch")
