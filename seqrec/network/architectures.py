"""What networks are built with, and which weights follow from that.

No Keras here. The numbers below belong to the format of model files.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from seqrec.storage.schemas import Choice, Integer, Listed, Real, Size

N_RECENT = 10  # events that reach the state without the recurrence, by weights for their distance
HIDDEN_UNITS = 64  # of the heads of fields and of classes
N_BUMPS = 13  # by which the encoder sees a number
N_SIGNS = 3  # of a number that is there: negative, zero, positive
LEVELS = (0.01, 0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975, 0.99)  # of the quantiles that a forecast is made of
N_RECURRENT = 2  # layers of a forecasting network
STEP_UNITS = 32  # of its head, for each step to come
STEM = 5  # frames that a network of frames sees at a time, before its recurrent layers
_FARTHEST = 4  # pixels
_GATES = {"lstm": 4, "peephole": 4, "gru": 3, "rnn": 1}

Shapes = dict[str, tuple[int, ...]]  # of the weights, in the order of `get_weights`


class Architecture(NamedTuple):
    """What a `SequenceModel` is built with.

    Attributes
    ----------
    n_codes : int
        Items and reserved codes.
    units : int
        Width of each recurrent layer.
    embedding_dim : int
    n_layers : int
        Recurrent layers.
    cell : {"lstm", "peephole", "gru", "rnn"}
    dropout : float
        Share of the outputs that is dropped in training; of the recurrence's inputs, half of it.
    n_negatives : int
        Negatives of the sampled softmax over the items; 0 for the full one.
    seed : int
        Seeds the initial weights and all that is random in training.
    category_sizes : tuple of int
        Codes of each categorical field, reserved ones included.
    n_numbers : int
        Numeric fields.
    fields_dropped : float
        Share of the fields' values that training goes without, as a log may lack them later.
    asked : {"", "number", "category"}
        The first field of this kind is the gap in time that a question can be asked with; "": none can.
    share_asked : float
        Share of the events that training predicts as what comes at a known time.
    predicts_fields : bool
        Whether there are heads for the fields of the next event.
    n_classes : int
        Classes of events that there is a head for, or 0.
    n_signs : int
        Signs of a number: 4 if absence is one of them.
    cosines : bool
        Whether items are compared with the state by cosines, which bring out the rare ones, or by products.
    one_mask : bool
        Whether dropout drops the same outputs at all steps of a segment.
    n_components : int
        Bumps of the distribution of a number's size.
    """

    n_codes: int
    units: Annotated[int, Integer(1)]
    embedding_dim: Annotated[int, Integer(1)]
    n_layers: Annotated[int, Integer(1, 100)]
    cell: Annotated[str, Choice(*_GATES)]
    dropout: Annotated[float, Real(0, 1 - 2**-53)]
    n_negatives: int
    seed: Annotated[int, Integer(0, 2**32 - 1)]
    category_sizes: Annotated[tuple[int, ...], Listed(Integer(2), tuple)] = ()
    n_numbers: Annotated[int, Size("n_numbers")] = 0
    fields_dropped: Annotated[float, Real(0, 1)] = 0.0
    asked: Annotated[str, Choice("", "number", "category")] = ""
    share_asked: Annotated[float, Real(0, 1)] = 0.0
    predicts_fields: bool = False
    n_classes: int = 0
    n_signs: Annotated[int, Integer(N_SIGNS, N_SIGNS + 1)] = N_SIGNS
    cosines: bool = True
    one_mask: bool = False
    n_components: Annotated[int, Integer(1, 100)] = 4

    @property
    def n_fields(self) -> int:
        """Fields beside the items."""
        return len(self.category_sizes) + self.n_numbers

    @property
    def number_width(self) -> int:
        """Width of a number as the encoder sees it: its sign, or that it is not given; its size; the bumps."""
        return 1 + self.n_signs + 1 + N_BUMPS

    @property
    def n_mixture_parameters(self) -> int:
        """Parameters of the distribution of a number: logit and mixture of each sign; absence has a logit alone."""
        return N_SIGNS * (1 + 3 * self.n_components) + self.n_signs - N_SIGNS

    def check_sound(self) -> None:
        """Raise ValueError where attributes do not fit each other."""
        if self.n_negatives >= self.n_codes:
            raise ValueError("there are more negatives than items.")
        n_asked = {"": 1, "number": self.n_numbers, "category": len(self.category_sizes)}
        if not n_asked[self.asked]:
            raise ValueError("a question would need a field that it lacks.")

    def shapes(self) -> Shapes:
        """Give the shapes of the weights."""
        return self._encoder_shapes() | self._head_shapes()

    def _encoder_shapes(self) -> Shapes:
        width = self.embedding_dim
        shapes: Shapes = {"items": (self.n_codes, width)}
        for layer in range(self.n_layers):
            own = _layer_shapes(self.cell, width if layer == 0 else self.units, self.units)
            shapes |= {f"layer {layer} {name}": shape for name, shape in own.items()}
        shapes |= {"recent": (N_RECENT, width, 1), "projection": (self.units, width)}
        shapes |= {f"category {column}": (size, width) for column, size in enumerate(self.category_sizes)}
        for column in range(self.n_numbers):
            shapes |= _dense_shapes(f"number {column}", self.number_width, width)
        if self.asked:
            rows = self.number_width if self.asked == "number" else self.category_sizes[0]
            shapes |= dict.fromkeys(("asked scale", "asked shift"), (rows, width))
        return shapes

    def _head_shapes(self) -> Shapes:
        width = 2 * self.embedding_dim
        shapes: Shapes = {"bias": (self.n_codes,), "log scale": (1,)}
        if self.predicts_fields:
            for field in range(self.n_fields):
                shapes |= _dense_shapes(f"field {field} hidden", width, HIDDEN_UNITS)
            for field, size in enumerate([*self.category_sizes, *[self.n_mixture_parameters] * self.n_numbers]):
                shapes |= _dense_shapes(f"field {field} parameters", HIDDEN_UNITS, size)
        if self.n_classes:
            shapes |= _dense_shapes("hidden", width, HIDDEN_UNITS)
            shapes |= _dense_shapes("classes", HIDDEN_UNITS, self.n_classes)
        return shapes


class QuantileArchitecture(NamedTuple):
    """What a `QuantileModel` is built with.

    Attributes
    ----------
    n_inputs : int
        Numbers that are read at a time.
    n_ahead : int
        Numbers that are known of each step to come.
    horizon : int
        Steps to come.
    units : int
        Width of each layer.
    dropout : float
        Share of the outputs that is dropped in training.
    n_networks : int
        Networks, whose quantiles are averaged.
    seed : int
        Seeds the initial weights and all that is random in training.
    """

    n_inputs: Annotated[int, Integer(1)]
    n_ahead: Annotated[int, Integer(1)]
    horizon: Annotated[int, Integer(1)]
    units: Annotated[int, Integer(1)]
    dropout: Annotated[float, Real(0, 1 - 2**-53)]
    n_networks: Annotated[int, Integer(1, 100)]
    seed: Annotated[int, Integer(0, 2**32 - 1)]

    def shapes(self) -> Shapes:
        """Give the shapes of the weights."""
        shapes: Shapes = {}
        for network in range(self.n_networks):
            own = _dense_shapes("inputs", self.n_inputs, self.units)
            for layer in range(N_RECURRENT):
                of_layer = _layer_shapes("lstm", self.units, self.units)
                own |= {f"layer {layer} {name}": shape for name, shape in of_layer.items()}
            own |= _dense_shapes("steps", self.units, self.horizon * STEP_UNITS)
            own |= {"ahead kernel": (self.n_ahead, STEP_UNITS)}
            own |= _dense_shapes("levels", STEP_UNITS, len(LEVELS))
            shapes |= {f"network {network} {name}": shape for name, shape in own.items()}
        return shapes


class FrameArchitecture(NamedTuple):
    """What a `FrameModel` is built with.

    Attributes
    ----------
    n_inputs : int
        Numbers of a frame.
    n_classes : int
    units : int
        Width of each recurrent layer, in each direction.
    n_layers : int
    cell : {"lstm", "peephole", "gru", "rnn"}
    both_ways : bool
        Whether a sequence is read in both directions, and has one class; else each frame has one.
    dropout : float
        Share of the outputs that is dropped in training.
    n_networks : int
        Networks, whose log-probabilities are averaged.
    seed : int
        Seeds the initial weights and all that is random in training.
    """

    n_inputs: Annotated[int, Size("n_inputs")]
    n_classes: Annotated[int, Size("n_classes")]
    units: Annotated[int, Integer(1)]
    n_layers: Annotated[int, Integer(1, 100)]
    cell: Annotated[str, Choice(*_GATES)]
    both_ways: bool
    dropout: Annotated[float, Real(0, 1 - 2**-53)]
    n_networks: Annotated[int, Integer(1, 100)]
    seed: Annotated[int, Integer(0, 2**32 - 1)]

    def shapes(self) -> Shapes:
        """Give the shapes of the weights."""
        n, n_directions = self.n_networks, 2 if self.both_ways else 1
        wide = n_directions * self.units
        pooled = 3 * wide + 1 if self.both_ways else wide
        shapes = _side_by_side(n, _dense_shapes("stem", STEM * self.n_inputs, self.units))
        for layer in range(self.n_layers):
            own = _layer_shapes(self.cell, wide if layer else self.units, self.units)
            own = {f"layer {layer} {name}": shape for name, shape in own.items()}
            shapes |= _side_by_side(n_directions * n, own)
        head = _dense_shapes("hidden", pooled, HIDDEN_UNITS) | _dense_shapes("classes", HIDDEN_UNITS, self.n_classes)
        return shapes | _side_by_side(n, head)


class FilmArchitecture(NamedTuple):
    """What a `FilmModel` is built with.

    Attributes
    ----------
    height, width : int
        Places of an image: patches, one below and one beside the other.
    n_inputs : int
        Numbers of a place: the values of its patch.
    patch : int
        Pixels on each side of a place.
    n_motions : int
        Ways in which the pixels of a place can move, or 0. Where there are such, each image is read beside the one
        before, and beside how it seems to have moved.
    units : int
        Channels of each recurrent layer.
    n_layers : int
        Recurrent layers.
    kernel_size, recurrent_kernel_size : int
        Of the convolutions of inputs and of states.
    peephole : {"place", "channel", "none"}
        What the gates see of the cell state.
    squared : bool
        Whether the loss is the squared error, or else the cross-entropy.
    n_classes : int
        Classes of films that there is a head for, or 0, for the next image.
    seed : int
        Seeds the initial weights.
    """

    height: Annotated[int, Integer(1)]
    width: Annotated[int, Integer(1)]
    n_inputs: Annotated[int, Integer(1)]
    patch: Annotated[int, Integer(1)]
    n_motions: Annotated[int, Integer(0)]
    units: Annotated[int, Integer(1)]
    n_layers: Annotated[int, Integer(1, 100)]
    kernel_size: Annotated[int, Integer(1)]
    recurrent_kernel_size: Annotated[int, Integer(1)]
    peephole: Annotated[str, Choice("place", "channel", "none")]
    squared: bool
    n_classes: Annotated[int, Size("n_classes")]
    seed: Annotated[int, Integer(0, 2**32 - 1)]

    @property
    def reach(self) -> int:
        """Pixels that a motion goes at most from one image to the next."""
        return min(self.patch, _FARTHEST)

    @property
    def sizes_told(self) -> list[int]:
        """Numbers that are told of a place: of rows and of columns that pixels come from, of shares, and of values."""
        if not self.n_motions:
            return [self.n_inputs]
        shifts = self.n_motions * (2 * self.reach + 1)
        return [shifts, shifts, (self.n_motions + 1) * self.patch**2, self.n_inputs]

    @property
    def sizes_read(self) -> list[int]:
        """Numbers of a place that each layer reads."""
        more = self.n_inputs + 2 * (2 * self.reach + 1) if self.n_motions else 0
        return [self.n_inputs + more, *[self.units] * (self.n_layers - 1)]

    def shapes(self) -> Shapes:
        """Give the shapes of the weights."""
        units, shapes = self.units, Shapes()
        for layer, inputs in enumerate(self.sizes_read):
            name = f"layer {layer}"
            shapes[f"{name} kernel"] = (self.kernel_size, self.kernel_size, inputs, 4 * units)
            size = self.recurrent_kernel_size
            shapes |= {f"{name} recurrent kernel": (size, size, units, 4 * units), f"{name} bias": (4 * units,)}
            if self.peephole != "none":
                places = (self.height, self.width) if self.peephole == "place" else (1, 1)
                shapes[f"{name} peepholes"] = (3, *places, units)
        if self.n_classes:
            return shapes | _dense_shapes("classes", 2 * self.n_layers * units, self.n_classes)
        return shapes | _dense_shapes("image", self.n_layers * units, sum(self.sizes_told))


def _side_by_side(n: int, shapes: Shapes) -> Shapes:
    return {name: (n, *shape) for name, shape in shapes.items()}


def _layer_shapes(cell: str, width: int, units: int) -> Shapes:
    columns = _GATES[cell] * units
    bias = (2, columns) if cell == "gru" else (columns,)
    shapes: Shapes = {"kernel": (width, columns), "recurrent kernel": (units, columns), "bias": bias}
    return shapes | ({"peepholes": (3, units)} if cell == "peephole" else {})


def _dense_shapes(name: str, width: int, units: int) -> Shapes:
    return {f"{name} kernel": (width, units), f"{name} bias": (units,)}
