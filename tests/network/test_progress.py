"""Progress is shown where it was asked for, and nowhere else."""

from seqrec.network.progress import training_progress


def test_progress_is_silent_unless_asked_for(capsys):
    with training_progress(2, 10, "auto") as progress:
        progress.batch_done(0, 10)
        progress.epoch_done({"loss": [1.5]})
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_progress_shows_epoch_and_figures(capsys):
    with training_progress(2, 10, True) as progress:
        progress.batch_done(0, 10)
        progress.epoch_done({"loss": [1.5], "validation": []})
    shown = capsys.readouterr().err
    assert "Epoch 1/2" in shown
    assert "loss 1.5000" in shown
