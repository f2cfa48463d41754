import numpy as np

from seqrec.classify.summaries import n_summaries, summaries


def test_summaries_are_those_of_the_whole_and_of_its_thirds():
    values = np.array([[1.0], [4.0], [2.0], [8.0], [5.0], [7.0], [3.0]])
    told = summaries(values, np.array([0, 7]))[0]

    def four(part):
        return [np.mean(part), np.std(part), np.min(part), np.max(part)]

    whole = [1, 4, 2, 8, 5, 7, 3]
    expected = [np.log(8), *four(whole), *four([1, 4, 2]), *four([8, 5]), *four([7, 3])]
    np.testing.assert_allclose(told, expected)
    assert len(told) == n_summaries(1)


def test_what_has_no_value_is_as_the_whole_or_missing():
    values = np.array([[np.nan, 1.0], [np.nan, np.nan], [np.nan, 3.0], [2.0, 2.0]])
    told = summaries(values, np.array([0, 3, 4, 4]))
    by_stat = told[:, 1:].reshape(3, 4, 4, 2)  # sequence, part, what, channel
    assert np.isnan(by_stat[0, :, :, 0]).all()
    assert by_stat[0, :, 0, 1].tolist() == [2, 1, 2, 3]
    assert (by_stat[1, :, 0] == 2).all()
    assert np.isnan(by_stat[2]).all()
