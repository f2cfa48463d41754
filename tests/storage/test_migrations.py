"""A file of an older format, on its way to today's."""

import pytest

from seqrec.storage.migrations import (
    Older,
    classify_events_alone,
    know_no_form,
    know_no_sounds,
    let_values_be_absent,
)


@pytest.fixture
def file():
    content = {
        "estimator": "LengthDetector",
        "model": {"parameters": {"seed": 1}, "fitted": {"net": {"units": 2}, "n": 3}},
    }
    names = ["model.net.kernel", "model.net", "model.network.kernel", "model.n", "model.seed.key"]
    return Older(content, {name: name for name in names})


def test_what_is_renamed_takes_its_tensors_along_and_no_others(file):
    file.rename("model", "fitted", "net", to="net_")
    assert file.part("model", "fitted") == {"net_": {"units": 2}, "n": 3}
    assert file.tensors == {
        "model.net_.kernel": "model.net.kernel",
        "model.net_": "model.net",
        "model.network.kernel": "model.network.kernel",
        "model.n": "model.n",
        "model.seed.key": "model.seed.key",
    }


def test_names_are_those_in_the_file_after_several_changes(file):
    file.rename("model", "parameters", "seed", to="random_state")
    file.rename("model", "parameters", "random_state", to="state")
    assert file.tensors["model.state.key"] == "model.seed.key"


def test_what_is_dropped_leaves_no_tensor(file):
    file.drop("model", "fitted", "net")
    assert file.part("model", "fitted") == {"n": 3}
    assert sorted(file.tensors) == ["model.n", "model.network.kernel", "model.seed.key"]


@pytest.mark.parametrize(("old", "new"), [("net", "n"), ("net", "network"), ("gone", "net_")])
def test_names_that_are_taken_or_missing_are_refused(file, old, new):
    with pytest.raises(ValueError, match=r"it (holds|lacks)"):
        file.rename("model", "fitted", old, to=new)


def test_a_part_that_is_no_object_is_refused(file):
    with pytest.raises(ValueError, match=r"it lacks 'model\.fitted\.n'"):
        file.drop("model", "fitted", "n", "more")


# --- absent values


def of_format_2(estimator, where):
    fields = {"categories": [{"name": "channel"}], "numbers": [{"name": "gap"}, {"name": "amount"}]}
    network, named = ("network", "fields") if where else ("model_", "fields_")
    fitted = {network: {"units": 2}, named: fields}
    return Older({"estimator": estimator, "model": {"fitted": {where: fitted} if where else fitted}}, {})


@pytest.mark.parametrize(
    ("estimator", "where"),
    [("LSTMRecommender", ""), ("LSTMSequenceClassifier", ""), ("LSTMAnomalyDetector", "normal_")],
)
def test_no_value_was_absent_before_it_could_be(estimator, where):
    file = of_format_2(estimator, where)
    let_values_be_absent(file)
    network, fields = file.part("model", "fitted", *[where] * bool(where)).values()
    assert network == {"units": 2, "n_signs": 3}
    assert [field["missing"] for kind in fields.values() for field in kind] == [False] * 3
    with pytest.raises(ValueError, match=r"it holds 'model\.fitted\..*n_signs'"):
        let_values_be_absent(file)


@pytest.mark.parametrize("fields", [None, 3, {"categories": 3}, {"numbers": [3]}, {"numbers": {"a": 1}}])
def test_fields_of_another_form_are_left_or_refused(fields):
    file = of_format_2("LSTMRecommender", "")
    file.part("model", "fitted")["fields_"] = fields
    if isinstance(fields, dict) and fields != {"numbers": [3]}:
        let_values_be_absent(file)
    else:
        with pytest.raises(ValueError, match="it lacks 'model"):
            let_values_be_absent(file)


def test_estimators_without_a_network_stay_as_they_are(file):
    let_values_be_absent(file)
    assert file.part("model", "fitted") == {"net": {"units": 2}, "n": 3}


# --- the form of a log, and of sounds


@pytest.mark.parametrize(("migration", "name"), [(know_no_form, "form"), (know_no_sounds, "sound")])
def test_of_an_older_log_the_form_is_not_known(migration, name):
    named, unnamed = Older({"columns": {"user": "u", "item": "i"}}, {}), Older({"columns": None}, {})
    migration(named)
    migration(unnamed)
    assert named.content == {"columns": {"user": "u", "item": "i", name: None}}
    assert unnamed.content == {"columns": None}


# --- frames


def test_an_older_classifier_has_one_network_and_reads_no_frames(file):
    classifier = Older(
        {"estimator": "LSTMSequenceClassifier", "model": {"parameters": {}, "fitted": {"model_": {"units": 2}}}}, {}
    )
    classify_events_alone(classifier)
    classify_events_alone(file)
    assert classifier.part("model") == {
        "parameters": {"n_networks": 1},
        "fitted": {"model_": {"units": 2}, "channels_": None, "_frame_answers": None},
    }
    assert file.part("model", "parameters") == {"seed": 1}
