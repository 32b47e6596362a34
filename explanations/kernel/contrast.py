"""Contrastive contributions: exact interventional Shapley values of a booster against a whole background.

The contribution of feature i to row x is its Shapley value in the game in which a set S of features is worth
the mean raw score of the background rows with x's values in S (Lundberg et al.,
doi:10.1038/s42256-019-0138-9). The way over leaf patterns is after Nadel and Wettenstein, 'From Decision
Trees to Boolean Logic' (arXiv 2511.09376).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from data.blocks import HERE, Engine
from data.errors import DataFault
from explanations.kernel.leaf_bundles import bundles_of
from explanations.kernel.leaf_kernels import Bundles, Splits, add_contributions, count_keys, tabulate
from models.codes import Coding, coded_splits, encode, scorer_of
from models.threads import LIGHTGBM, processors, share
from models.trees import Trees, trees_of

TOLERANCE: Final = 1e-6
"""Most by which base + Σ contributions may differ from the booster's raw score."""
OnTree = Callable[[int, int], None]
"""Told (trees done, trees in all) as the work goes on."""

_HELD_ROWS: Final = 4_096  # rows of the background that LightGBM itself scores, as a check of all scores
_ROWS_COUNTED: Final = 1 << 15  # background rows whose codes each thread holds
_BATCH_CELLS: Final = 1 << 20  # table cells (8 bytes each) held at once, unless a single tree needs more


def contributions(
    booster: lgb.Booster,
    rows: NDArray[np.float32],
    background: NDArray[np.float32],
    background_score: NDArray[np.float64] | None = None,
    *,
    on_tree: OnTree | None = None,
    threads: int | None = None,
) -> tuple[NDArray[np.float64], float]:
    """What each feature adds to each row's raw score, against the mean raw score of the background.

    Args:
        booster: one raw score a row, numerical splits, at most 12 distinct features on the way to a leaf.
        rows: rows × features, the features in the booster's order.
        background: background rows × features; all of it is used.
        background_score: their raw scores, where they are at hand.
        on_tree: see `OnTree`.
        threads: at most so many at once, one for each processor if not given; the result is the same bits.

    Returns:
        The contributions (rows × features) and the base (the background's mean raw score), both in units of
        the raw score (log-odds, log-RMB): base + the sum of a row's contributions is its raw score.

    Raises:
        DataFault: the booster or a matrix can't be used, or a sum misses the booster's own raw score by more
            than `TOLERANCE`.
    """
    threads = threads or processors()
    names = tuple(booster.feature_name())
    rows, background = _checked("rows", rows, names), _checked("background", background, names)
    if not len(background):
        raise DataFault("the background has no rows to compare with; widen the reference cohort")
    trees = trees_of(booster)
    bundles = bundles_of(trees)
    coding, column, at = coded_splits(trees)
    splits = Splits(column, at)
    found = np.zeros(rows.shape)
    row_codes = _encoded(rows, coding, threads)
    for trees_done, batch in _batches(bundles):
        counts = _counted(background, coding, splits, bundles, batch, threads)
        tables = _tabulated(bundles, batch, counts, threads)
        share(
            (0, len(rows)),
            partial(add_contributions, row_codes, splits, bundles, batch, tables, found),
            threads,
        )
        if on_tree:
            on_tree(trees_done, trees.count)
    # Of the kernels' own mean, a background row led astray would cancel out of the check.
    if background_score is None:
        background_score = scorer_of(trees).raw(background, threads)
    _refuse_wrong_scores(booster, background, background_score, threads)
    base = float(background_score.mean())
    _refuse_unsound(base + found.sum(axis=1), _raw_score(booster, rows, threads))
    return found, base


def shared_contributions(
    booster: lgb.Booster,
    rows: NDArray[np.float32],
    background: NDArray[np.float32],
    background_score: NDArray[np.float64] | None = None,
    *,
    engine: Engine = HERE,
    on_tree: OnTree | None = None,
) -> tuple[NDArray[np.float64], float]:
    """`contributions`, the rows shared among workers elsewhere where the engine has any; the same bits.

    Each worker takes a stretch of the rows and all of the background; `on_tree` is told as stretches are done.
    """
    stretches = min(engine.elsewhere, len(rows))
    if stretches < 2:
        return contributions(booster, rows, background, background_score, on_tree=on_tree)
    trees = booster.num_trees()
    done = []
    work = partial(_on_one_thread, booster, background, background_score)
    for part in engine.map_blocks(work, np.array_split(rows, stretches)):
        done.append(part)
        if on_tree:
            on_tree(trees * len(done) // stretches, trees)
    return np.concatenate([found for found, _ in done]), done[0][1]


def background_keys(
    trees: Trees, bundles: Bundles, background: NDArray[np.float32]
) -> Iterator[tuple[tuple[int, int], NDArray[np.int64]]]:
    """Batches of bundles, each with how many rows of a background (rows × features) have each of its keys."""
    threads = processors()
    background = _checked("background", background, trees.feature_names)
    coding, column, at = coded_splits(trees)
    for _, batch in _batches(bundles):
        yield batch, _counted(background, coding, Splits(column, at), bundles, batch, threads)


def _on_one_thread(
    booster: lgb.Booster,
    background: NDArray[np.float32],
    background_score: NDArray[np.float64] | None,
    rows: NDArray[np.float32],
) -> tuple[NDArray[np.float64], float]:
    return contributions(booster, rows, background, background_score, threads=1)


def _batches(bundles: Bundles) -> Iterator[tuple[int, tuple[int, int]]]:
    """Stretches of whole trees whose tables fit the memory allowed: (trees done after it, its bundles)."""
    cells = bundles.cell_start[bundles.tree_start]
    tree, last = 0, len(cells) - 1
    while tree < last:
        fitting = int(np.searchsorted(cells, cells[tree] + _BATCH_CELLS, side="right")) - 1
        first, tree = tree, max(fitting, tree + 1)
        yield tree, (int(bundles.tree_start[first]), int(bundles.tree_start[tree]))


def _encoded(values: NDArray[np.float32], coding: Coding, threads: int) -> NDArray[np.uint16]:
    """The values' codes (columns × rows)."""
    codes = np.empty((len(coding.missing), len(values)), dtype=np.uint16)
    share((0, len(values)), partial(encode, values, coding, codes), threads)
    return codes


def _counted(
    background: NDArray[np.float32],
    coding: Coding,
    splits: Splits,
    bundles: Bundles,
    batch: tuple[int, int],
    threads: int,
) -> NDArray[np.int64]:
    """How many background rows have each key of the batch's bundles.

    Their codes are made anew for each batch, some rows at a time: all of them would be half as large as the matrix.
    """
    width = bundles.key_start[batch[1]] - bundles.key_start[batch[0]]

    def count(stretch: tuple[int, int]) -> NDArray[np.int64]:
        counts = np.zeros(width, dtype=np.int64)
        codes = np.empty((len(coding.missing), min(_ROWS_COUNTED, stretch[1] - stretch[0])), dtype=np.uint16)
        for begin in range(*stretch, _ROWS_COUNTED):
            rows = min(_ROWS_COUNTED, stretch[1] - begin)
            encode(background[begin : begin + rows], coding, codes, (0, rows))
            count_keys(codes, splits, bundles, batch, counts, (0, rows))
        return counts

    total: NDArray[np.int64] = np.stack(share((0, len(background)), count, threads)).sum(axis=0)
    return total


def _tabulated(
    bundles: Bundles, batch: tuple[int, int], counts: NDArray[np.int64], threads: int
) -> NDArray[np.float64]:
    """The tables of the batch's bundles, end to end."""
    tables = np.zeros(bundles.cell_start[batch[1]] - bundles.cell_start[batch[0]])
    share(batch, partial(tabulate, bundles, batch[0], counts, tables), threads)
    return tables


def _checked(what: str, values: NDArray[np.float32], names: tuple[str, ...]) -> NDArray[np.float32]:
    """The matrix, its rows contiguous; raises DataFault where it doesn't fit the booster."""
    if values.ndim != 2 or values.shape[1] != len(names):
        raise DataFault(
            f"the {what} have shape {values.shape}, but the model reads {len(names)} features "
            f"({names[0]} … {names[-1]}); give a matrix of the model's columns in the model's order"
        )
    if values.dtype != np.float32:
        raise DataFault(
            f"the {what} are {values.dtype}, but a feature matrix is float32; rounding here could move a row"
        )
    return np.ascontiguousarray(values)


def _raw_score(booster: lgb.Booster, values: NDArray[np.float32], threads: int) -> NDArray[np.float64]:
    """LightGBM's own raw score of each row (it refuses a matrix without rows)."""
    if not len(values):
        return np.zeros(0)
    with LIGHTGBM:
        return np.asarray(booster.predict(values, raw_score=True, num_threads=threads), dtype=np.float64)


def _refuse_wrong_scores(
    booster: lgb.Booster, values: NDArray[np.float32], score: NDArray[np.float64], threads: int
) -> None:
    """Raises DataFault where scores of rows, spread evenly over all, are not the booster's own."""
    held = np.unique(np.linspace(0, len(values) - 1, min(len(values), _HELD_ROWS)).astype(np.int64))
    gap = float(np.abs(_raw_score(booster, values[held], threads) - score[held]).max())
    if not gap <= TOLERANCE:
        raise DataFault(
            f"the scores of the background miss the model's raw score by up to {gap:.3g}; give those of these rows, "
            "or none"
        )


def _refuse_unsound(sums: NDArray[np.float64], raw: NDArray[np.float64]) -> None:
    """Raises DataFault where base + Σ contributions isn't the raw score."""
    gap = np.abs(sums - raw)
    gap[np.isnan(gap)] = np.inf
    wrong = int((gap > TOLERANCE).sum())
    if wrong:
        worst = int(gap.argmax())
        raise DataFault(
            f"the contributions do not add up: base + Σ misses the model's raw score by more than "
            f"{TOLERANCE:g} in {wrong} of {len(raw)} rows (most in row {worst}: by {gap[worst]:.3g}); "
            "none of them can be used, report this as a fault of the program"
        )
