"""Times of every form (datetimes, dates, text, numbers since 1970) become datetime64 in UTC."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from seqrec._checks import CLEAN, check_rows, show, show_rows
from seqrec.exceptions import InputError

TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # a second
BAND = (10**8, 10**10)  # seconds since 1970: from 1973 to 2286; the bands of two units do not overlap
ALMOST_ALL = 0.9  # share of the numbers of a column that tells what the others should be
YEARS = (np.datetime64("0001-01-01", "s"), np.datetime64("9999-12-31", "s"))
CLOCKS = {"us": 1, "ms": 10**3, "s": 10**6, "min": 60 * 10**6, "h": 3_600 * 10**6, "day": 86_400 * 10**6}
_CHANCE = 1e-6  # that times fall on the ticks of a coarser clock than theirs
ZONE = r"\d[T ]\d\d.*(Z|[+-]\d\d(:?\d\d)?)\s*$"


def read_times(column: pa.ChunkedArray, label: str, time_unit: str = "auto") -> tuple[np.ndarray, str | None]:
    """Convert an Arrow column without nulls.

    Returns
    -------
    times : (n,) datetime64, UTC
        In the resolution that the column has.
    unit : str or None
        Of a numeric column: "s", "ms", "us" or "ns".

    Raises
    ------
    TypeError
        Where the column holds something else than times.
    ValueError
        Where a value cannot be read, where zones are mixed, or where the unit of numbers is not plain.
    """
    kind, unit = column.type, None
    if pa.types.is_null(kind):  # an empty column has no type of its own
        times = np.array([], dtype="datetime64[us]")
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        times, unit = _from_numbers(column, label, time_unit)
    elif pa.types.is_date(kind):
        times = _ticks(column.cast(pa.timestamp("ms"))).view("datetime64[ms]")
    elif pa.types.is_timestamp(kind):  # Arrow holds zoned times in UTC
        times = _ticks(column).view(f"datetime64[{kind.unit}]")
    elif is_text(kind):
        times = _from_text(column, label)
    else:
        raise InputError(f"{label} holds {kind} values, not times. Convert it to datetimes first.")
    _check_calendar(times, label)
    return times, unit


def zone_of(kind: pa.DataType) -> str | None:
    """Give the time zone of an Arrow type; None where it has none, or UTC."""
    zone = kind.tz if pa.types.is_timestamp(kind) else None
    return None if zone in ("UTC", "+00:00") else zone


def local_times(times: np.ndarray, zone: str) -> np.ndarray:
    """Give what the clocks of a zone show at times in UTC, datetime64[us] of any shape; NaT stays."""
    there = pd.DatetimeIndex(times.ravel(), tz="UTC").tz_convert(zone)
    return there.tz_localize(None).to_numpy("datetime64[us]").reshape(times.shape)


def utc_times(times: np.ndarray, zone: str) -> np.ndarray:
    """Give the UTC at which the clocks of a zone show times, datetime64[us] of any shape; NaT stays.

    What they show twice is the first time, and what they skip the first moment after.
    """
    shown = pd.DatetimeIndex(times.ravel())
    there = shown.tz_localize(zone, ambiguous=np.ones(len(shown), bool), nonexistent="shift_forward")
    return there.tz_convert(None).to_numpy("datetime64[us]").reshape(times.shape)


def clock_of(times: np.ndarray) -> int | None:
    """Give the microseconds between the ticks of the clock that wrote times, as far as they tell.

    Parameters
    ----------
    times : (n,) datetime64[us]

    Returns
    -------
    tick : int or None
        One of ``CLOCKS``. None where so few times could lie on the ticks of a coarser clock by chance.
    """
    ticks = times.view(np.int64) if len(times) else np.zeros(0, np.int64)
    return coarsest_clock(lambda tick: not (ticks[:1000] % tick).any() and not (ticks % tick).any(), len(ticks))


def coarsest_clock(fits: Callable[[int], bool], n: int) -> int | None:
    """Give the coarsest clock on whose ticks n times lie, as `fits` says; None where that may be chance."""
    tick = next(tick for tick in sorted(CLOCKS.values(), reverse=True) if fits(tick))  # a microsecond does
    return tick if _is_told(tick, n) else None


def on_ticks(times: np.ndarray, tick: int) -> np.ndarray:
    """Give the last tick of a clock before or at each time, (n,) datetime64[us]; NaT stays."""
    ticks = times.view(np.int64)
    return np.where(np.isnat(times), ticks, ticks // tick * tick).view(times.dtype)


def _is_told(tick: int, n: int) -> bool:
    """Whether n times that lie on the ticks of a clock tell that it wrote them, and none that is finer."""
    finer = max((clock for clock in CLOCKS.values() if clock < tick), default=0)
    return bool(n) and (not finer or (finer / tick) ** n <= _CHANCE)


def times_from_objects(values: np.ndarray, label: str) -> np.ndarray:
    """Convert Python objects of one kind, or an array: datetimes, dates, numbers or text."""
    kind = pd.api.types.infer_dtype(values, skipna=True)
    check_rows(pd.notna(values), label, "missing values", CLEAN)
    if kind in ("datetime", "datetime64", "date"):
        if values.dtype == object:
            _check_one_zone(np.array([getattr(value, "tzinfo", None) is not None for value in values]), label)
        return pd.to_datetime(values, utc=True).tz_localize(None).to_numpy()
    if kind == "integer":
        return values.astype(np.int64)
    if kind in ("floating", "mixed-integer-float"):
        return values.astype(np.float64) if values.dtype == object else values
    if kind in ("string", "empty"):
        return values
    raise InputError(f"{label} holds {kind} objects ({show(values[0])}, ...). Convert it to datetimes first.")


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def warn_of_future(times: np.ndarray, label: str) -> None:
    """Warn where times lie more than a day ahead; local times are ahead of UTC by less."""
    limit = np.datetime64("now", "s") + np.timedelta64(1, "D")
    if len(times) and _seconds(times.max()) > limit:
        count = show_rows(times.astype("datetime64[s]") > limit, "values in the future")
        warnings.warn(f"{label} has {count}, up to {_seconds(times.max())}.", UserWarning, stacklevel=4)


def warn_of_unit(numbers: np.ndarray, unit: str | None, label: str) -> None:
    """Warn of what `doubt_unit` finds."""
    if unit is not None and len(numbers) and (doubt := doubt_unit(numbers, unit)):
        warnings.warn(f"{label} {doubt}", UserWarning, stacklevel=4)


def doubt_unit(numbers: np.ndarray, unit: str) -> str:
    """Say that the unit that was named puts all times before 1973, if they are plainly times of another form."""
    other = _band_of(numbers.min(), numbers.max())
    if numbers.max() >= BAND[0] * TICKS[unit] or (other is None and _from_digits(numbers) is None):
        return ""
    meant = "written as digits" if other is None else f"in {other}"
    return f"in {unit} since 1970 ends before 1973; its numbers are plainly times {meant}."


def _ticks(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.int64()).to_numpy()


def _from_numbers(column: pa.ChunkedArray, label: str, time_unit: str) -> tuple[np.ndarray, str | None]:
    if len(column) == 0:
        return np.array([], dtype="datetime64[us]"), None
    values = column.to_numpy()
    if values.dtype.kind == "f":
        check_rows(np.isfinite(values), label, "infinite values", CLEAN)
    low, high = values.min().item(), values.max().item()
    if time_unit == "auto" and (digits := _from_digits(values)) is not None:
        return digits, None
    unit = time_unit
    if unit == "auto":
        usual = unit_of_most(count_bands(values), len(values), 0.4)
        odd = _show_odd(values, usual, BAND) if usual else ""
        unit = infer_unit(low, high, label, odd=f": most are in {usual}, but not {odd}" if odd else "")
    if odd := _show_odd(values, unit, tuple(int(year.astype(int)) for year in YEARS)):
        raise InputError(
            f"{label} holds numbers from {low} to {high}: too large for {unit} since 1970 are {odd}. Give another "
            "unit, or drop or repair these rows first."
        )
    if values.dtype.kind == "f":
        _check_step(values, unit, label)
    if pa.types.is_integer(column.type):
        return _ticks(column).view(f"datetime64[{unit}]"), unit
    microseconds = np.rint(values.astype(np.float64) * (TICKS["us"] / TICKS[unit]))
    return microseconds.astype(np.int64).view("datetime64[us]"), unit


def _show_odd(values: np.ndarray, unit: str, seconds: tuple[int, ...]) -> str:
    """Count and show the numbers outside of a range of seconds; empty where there are none."""
    odd = (values < seconds[0] * TICKS[unit]) | (values > seconds[1] * TICKS[unit])
    shown = ", ".join(map(str, values[odd][:3].tolist()))
    return f"{show_rows(odd, 'values')}: {shown}" if odd.any() else ""


def _check_step(values: np.ndarray, unit: str, label: str) -> None:
    """Raise where floats are so coarse that times more than a second apart become one."""
    step = float(np.spacing(np.abs(values).max())) / TICKS[unit]
    if step > 1:
        advice = "Read the column as int64 or float64: what was rounded is lost."
        raise InputError(
            f"{label} holds {values.dtype} numbers, which tell times {step:,.0f} s apart at best. {advice}"
        )


_IN_PYTHON = "time_unit='s' (or 'ms', 'us', 'ns')", "pass timestamp=None", "Write them as text, such as 2024-05-01"


def infer_unit(low: float, high: float, label: str, advice: tuple[str, str, str] = _IN_PYTHON, odd: str = "") -> str:
    """Give the unit since 1970 that numbers from `low` to `high` are plainly in.

    `advice` says how to name the unit, how to do without times, and how to read dates that are written as digits;
    `odd` names those that are unlike the others.

    Raises
    ------
    InputError
        If the numbers are plainly in no unit.
    """
    unit = _band_of(low, high)
    if unit is not None:
        return unit
    found = f"{label} holds numbers from {low} to {high}: not plainly seconds, ms, us or ns since 1970{odd}"
    if _from_digits(np.array([low, high])) is not None:
        raise InputError(f"{found}, but dates written as digits. {advice[2]}.")
    counts = f"If the numbers only count the events, sort the log by them and {advice[1]}."
    wrong = " Or drop or repair these rows." if odd else ""
    raise InputError(f"{found}. Name the unit: {advice[0]}.{wrong} {counts}")


def _band_of(low: float, high: float) -> str | None:
    return next((unit for unit, n in TICKS.items() if BAND[0] * n <= low and high < BAND[1] * n), None)


def count_bands(numbers: np.ndarray) -> dict[str, int]:
    """Count the numbers that are plainly seconds, ms, us or ns since 1970; those of no unit count for none."""
    return {
        unit: int(np.count_nonzero((BAND[0] * n <= numbers) & (numbers < BAND[1] * n))) for unit, n in TICKS.items()
    }


def unit_of_most(counts: Mapping[str, int], n: int, share: float = ALMOST_ALL) -> str | None:
    """Give the unit that more than this share of `n` numbers show; the others are mistakes."""
    return next((unit for unit, count in counts.items() if count > share * n), None)


def _from_digits(values: np.ndarray) -> np.ndarray | None:
    """Read dates that are written as the numbers YYYYMMDD or YYYYMMDDhhmmss; None where any of them is no such date."""
    low, high = float(values.min()), float(values.max())
    form = next(
        (form for form, n in (("%Y%m%d", 8), ("%Y%m%d%H%M%S", 14)) if 10 ** (n - 1) <= low <= high < 10**n), None
    )
    if form is None or (values != np.floor(values)).any():
        return None
    distinct, codes = np.unique(values.astype(np.int64), return_inverse=True)
    times = pd.to_datetime(pd.Series(distinct.astype(str)), format=form, errors="coerce")
    if times.isna().any() or not times.dt.year.between(1900, 2200).all():
        return None
    return times.to_numpy().astype("datetime64[us]")[codes]


def _from_text(column: pa.ChunkedArray, label: str) -> np.ndarray:
    _check_one_zone(pc.match_substring_regex(column, ZONE).to_numpy(), label)
    times = pd.to_datetime(column.to_numpy(), utc=True, format="ISO8601", errors="coerce")
    good = times.notna()
    if not good.all():
        example = show(column[int(np.argmin(good))].as_py())
        n_digits = pc.sum(pc.match_substring_regex(column, r"^-?\d+(\.\d*)?$")).as_py()
        how = ".astype('int64')" if n_digits >= ALMOST_ALL * len(column) else "pandas.to_datetime"
        advice = f"Expected ISO 8601, got {example}: convert the column first, as by {how}."
        check_rows(good, label, "unreadable times", advice)
    return times.tz_localize(None).to_numpy()


def _check_one_zone(zoned: np.ndarray, label: str) -> None:
    if zoned.any() and not zoned.all():
        there, missing = (f"(first at row {first})" for first in (np.argmax(zoned), np.argmin(zoned)))
        found = f"times with a zone {there} and without one {missing}"
        raise InputError(f"{label} mixes {found}. Give every time a zone, or none.")


def _check_calendar(times: np.ndarray, label: str) -> None:
    if len(times) and not YEARS[0] <= _seconds(times.min()) <= _seconds(times.max()) <= YEARS[1]:
        raise InputError(f"{label} leaves the years 1 to 9999. Check its unit.")


def _seconds(time: np.datetime64) -> np.datetime64:
    return time.astype("datetime64[s]")
