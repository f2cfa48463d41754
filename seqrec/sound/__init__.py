"""Sound as frames: the logarithms of the energies in bands that are as wide as an ear hears them."""

from seqrec.sound.files import SUFFIXES, find_sounds
from seqrec.sound.mel import LogMel
from seqrec.sound.recordings import Fault, Recordings, list_sounds, read_recordings

__all__ = ["SUFFIXES", "Fault", "LogMel", "Recordings", "find_sounds", "list_sounds", "read_recordings"]
