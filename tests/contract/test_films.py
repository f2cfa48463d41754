"""The contract of all that reads films."""

import inspect

import numpy as np
import pytest
from golden.make import FILMS, answers_of, fit, make_log, read_films
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import seqrec

X = read_films(make_log(12, seed=1))


def new(name):
    return getattr(seqrec, name)(**FILMS[name])


MARKED = [pytest.param(name, marks=[pytest.mark.slow] * name.startswith("ConvLSTM")) for name in FILMS]


@pytest.fixture(scope="module", params=MARKED)
def fitted(request):
    return fit(request.param)


@pytest.mark.parametrize("name", FILMS)
def test_init_only_stores_its_parameters(name):
    estimator = new(name)
    assert vars(estimator) == estimator.get_params()
    assert estimator.get_params().items() >= FILMS[name].items()


@pytest.mark.parametrize("name", FILMS)
def test_an_unfitted_estimator_says_so(name):
    for verb, method in inspect.getmembers(new(name), inspect.ismethod):
        if "videos" in inspect.signature(method).parameters and verb != "fit" and not verb.startswith("_"):
            with pytest.raises(NotFittedError):
                method(X)


def test_a_clone_has_the_same_parameters_and_has_learned_nothing(fitted):
    twin = clone(fitted)
    assert vars(twin) == twin.get_params() == fitted.get_params()


def test_company_and_order_change_no_answer(fitted):
    expected = answers_of(fitted, X)
    for rows in ([3], [5, 1], list(range(len(X)))[::-1]):
        answers = answers_of(fitted, [X[row] for row in rows])
        for part, answer in answers.items():
            if answer.dtype.kind == "f":
                np.testing.assert_allclose(answer, expected[part][rows], atol=1e-5)


def test_neither_fit_nor_an_answer_changes_the_films(fitted):
    before = [film.copy() for film in X]
    answers_of(fitted, X)
    for film, copied in zip(X, before, strict=True):
        np.testing.assert_array_equal(film, copied)


def test_a_notebook_shows_a_card(fitted):
    assert type(fitted).__name__ in fitted._repr_html_()
