"""The types of the layers, which are imported when they are first used."""

from seqrec.network.convolution import PeepholeConvLSTM2D as PeepholeConvLSTM2D
