"""Music as sequences: the notes of each frame from high to low, and then the frame's end."""

from seqrec.music.midi import from_midi, to_midi
from seqrec.music.pianorolls import from_pianorolls, to_pianorolls
from seqrec.music.transposition import transposed

__all__ = ["from_midi", "from_pianorolls", "to_midi", "to_pianorolls", "transposed"]
