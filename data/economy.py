"""What is the same for all borrowers of a region: macro index, competition, policy in force, by month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.randomness import Draws, Floats
from data.world import Economy, Level, PolicyLevel, ReleasePolicy, Scenario, World

LEVELS: tuple[Level, ...] = ("easy", "neutral", "tight")


@dataclass(frozen=True)
class Months:
    """The months of a world: positions 0.. in time, and history months (1 = first month of history)."""

    burn_in: int
    history: int
    run_off: int

    @property
    def total(self) -> int:
        """Number of months simulated."""
        return self.burn_in + self.history + self.run_off

    @property
    def index(self) -> NDArray[np.int64]:
        """History month of each position."""
        return np.arange(self.total) - self.burn_in + 1


@dataclass(frozen=True)
class Climate:
    """Macro and competition, and the policy that lenders set on them.

    Attributes:
        macro: Macro index by month (standard deviations).
        competition: Competition index by month and region.
        level: Position in `LEVELS` of the policy by month.
        version: Name of the policy version by month.
        cutoff: Cut-off on the PD by month, before competition scales it.
        cap_debt_service: Cap on obligations relative to income, by month.
        cap_lenders: Cap on open lenders, by month.
        cap_enquiries: Cap on enquiries in three months, by month.
    """

    macro: Floats
    competition: Floats
    level: NDArray[np.int8]
    version: tuple[str, ...]
    cutoff: Floats
    cap_debt_service: Floats
    cap_lenders: NDArray[np.int16]
    cap_enquiries: NDArray[np.int16]


def draw_climate(months: Months, seed: int, world: World, scenario: Scenario) -> Climate:
    """The climate of a world: the same for every block, since its numbers are keyed by region."""
    levels, versions = _policy_by_month(months, world.policy, scenario)
    in_force: list[PolicyLevel] = [getattr(world.policy, LEVELS[level]) for level in levels]
    cutoff = np.array([level.cutoff for level in in_force])
    if scenario.cutoff is not None:
        cutoff = np.where(months.index >= scenario.from_month, scenario.cutoff, cutoff)
    return Climate(
        macro=_macro(months, seed, world.economy, scenario),
        competition=_competition(months, seed, world, scenario),
        level=levels,
        version=versions,
        cutoff=cutoff,
        cap_debt_service=np.array([level.cap_debt_service for level in in_force]),
        cap_lenders=np.array([level.cap_lenders for level in in_force], dtype=np.int16),
        cap_enquiries=np.array([level.cap_enquiries for level in in_force], dtype=np.int16),
    )


def _macro(months: Months, seed: int, economy: Economy, scenario: Scenario) -> Floats:
    draws = Draws(seed, np.zeros(1, dtype=np.int64))
    macro = np.zeros(months.total)
    level = 0.0
    for position, month in enumerate(months.index):
        innovation = float(draws.normal("macro", int(month))[0])
        level = economy.macro_persistence * level + economy.macro_innovation * innovation
        macro[position] = level
    first, last = economy.slump_months
    macro += economy.slump_depth * ((months.index >= first) & (months.index <= last))
    return macro + scenario.macro_shift * (months.index >= scenario.from_month)


def _competition(months: Months, seed: int, world: World, scenario: Scenario) -> Floats:
    """Competition by month and region; all zero where the mechanism is switched off."""
    economy, regions = world.economy, world.population.regions
    draws = Draws(seed, np.arange(regions))
    competition = np.zeros((months.total, regions))
    if not world.mechanisms.competition:
        return competition
    swing, entrants = np.zeros(regions), np.zeros(regions)
    for position, month in enumerate(months.index):
        swing = economy.competition_persistence * swing
        swing += economy.competition_innovation * draws.normal("competition", int(month))
        entered = draws.uniform("competitor_enters", int(month)) < economy.entry_rate
        entrants = economy.entry_persistence * entrants + economy.entry_jump * entered
        competition[position] = economy.competition_mean + swing + entrants
    jumps = np.isin(np.arange(regions), scenario.competition_regions) * scenario.competition_jump
    competition += np.outer(months.index >= scenario.from_month, jumps)
    return np.clip(competition, 0.0, economy.competition_ceiling)


def _policy_by_month(
    months: Months, policy: ReleasePolicy, scenario: Scenario
) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Level by month (the schedule, over again where history is longer) and a name for each regime."""
    schedule = [regime.level for regime in policy.schedule for _ in range(regime.months)]
    levels: list[Level] = []
    for month in months.index:
        level: Level = "neutral" if month < 1 else schedule[(int(month) - 1) % len(schedule)]
        if scenario.policy_level is not None and month >= scenario.from_month:
            level = scenario.policy_level
        levels.append(level)
    versions, regime = [], 0
    for position, (month, level) in enumerate(zip(months.index, levels, strict=True)):
        if month == 1 or (month > 1 and level != levels[position - 1]):
            regime += 1
        versions.append(f"{regime:02d}-{level}")
    return np.array([LEVELS.index(level) for level in levels], dtype=np.int8), tuple(versions)
