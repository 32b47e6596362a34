"""Who the borrowers are: latent traits, place, income, opening of the account, protected attributes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.randomness import Draws, Floats
from data.world import Population

GENDERS = ("female", "male")
MARITAL_STATUSES = ("single", "married", "divorced")


@dataclass(frozen=True)
class Borrowers:
    """What does not change about the borrowers of a block; one value per borrower.

    Attributes:
        ids: Borrower ids.
        capacity: Capacity to repay (latent, standard normal).
        willingness: Willingness to repay (latent, standard normal).
        spending: Propensity to spend (latent, standard normal).
        network: Risk of the social network (latent, standard normal).
        tier: City tier, 1 to 4.
        region: Region, from 0.
        tier_income: Log of the tier's median income (log-RMB a month).
        opened: History month in which the account was opened (0 and below: before history).
        payroll: Whether payroll arrives on the platform.
        cycle_day: Day of the month of the statements, 11 to 28.
        cards: Credit limit on cards elsewhere, in months of income; 0 for those who have none.
        file_age: Age in months of the oldest credit account at history month 1; NaN without a file.
        phone_tenure: Months with the same phone number at history month 1.
        gender: Position in `GENDERS`.
        age: Years at history month 1.
        marital_status: Position in `MARITAL_STATUSES`.
    """

    ids: NDArray[np.int64]
    capacity: Floats
    willingness: Floats
    spending: Floats
    network: Floats
    tier: NDArray[np.int8]
    region: NDArray[np.int8]
    tier_income: Floats
    opened: NDArray[np.int32]
    payroll: NDArray[np.bool_]
    cycle_day: NDArray[np.int32]
    cards: Floats
    file_age: Floats
    phone_tenure: Floats
    gender: NDArray[np.int8]
    age: NDArray[np.int16]
    marital_status: NDArray[np.int8]

    def __len__(self) -> int:
        """Number of borrowers."""
        return len(self.ids)


def draw_borrowers(ids: NDArray[np.int64], draws: Draws, population: Population) -> Borrowers:
    """The borrowers with these ids."""
    capacity, willingness, spending, network = _latents(draws, population)
    tier = np.searchsorted(np.cumsum(population.tier_shares)[:-1], draws.uniform("tier"), side="right")
    opened_span = population.opened_latest - population.opened_earliest + 1
    age = np.clip(22 + 30 * draws.uniform("age") ** 1.5 + 3 * (tier == 0), 20, 60)
    # Cards go with capacity and spending; three in ten have none (plain generator, not in the sources).
    has_card = draws.uniform("has_card") < 1 / (1 + np.exp(-(0.9 + 0.6 * capacity + 0.2 * spending)))
    cards = np.where(has_card, np.exp(0.6 + 0.25 * capacity + 0.3 * draws.normal("card_limit")), 0.0)
    has_file = draws.uniform("has_file") < np.where(has_card, 1.0, 0.75)
    file_age = np.where(has_file, (age - 19) * 12 * draws.uniform("file_age") ** 1.4, np.nan)
    return Borrowers(
        ids=ids,
        capacity=capacity,
        willingness=willingness,
        spending=spending,
        network=network,
        tier=(tier + 1).astype(np.int8),
        region=np.floor(population.regions * draws.uniform("region")).astype(np.int8),
        tier_income=np.log(np.asarray(population.tier_median_income))[tier],
        opened=(population.opened_earliest + np.floor(opened_span * draws.uniform("opened"))).astype(
            np.int32
        ),
        payroll=draws.uniform("payroll") < population.payroll_share,
        cycle_day=(11 + np.floor(18 * draws.uniform("cycle_day"))).astype(np.int32),
        cards=cards,
        file_age=file_age,
        phone_tenure=np.maximum(1.0, 48 * np.exp(0.7 * draws.normal("phone_tenure") - 0.25 * network)),
        gender=(draws.uniform("gender") < 0.58).astype(np.int8),
        age=age.astype(np.int16),
        marital_status=_marital_status(age, draws.uniform("marital_status")),
    )


def _latents(draws: Draws, population: Population) -> tuple[Floats, Floats, Floats, Floats]:
    """Correlated standard normals, by the Cholesky factor of their correlations."""
    factor = np.linalg.cholesky(population.correlations())
    plain = [draws.normal(name) for name in ("capacity", "willingness", "spending", "network")]
    # Written as sums: a matrix product may round otherwise for another number of borrowers.
    first, second, third, fourth = (
        sum((factor[row, column] * plain[column] for column in range(1, row + 1)), factor[row, 0] * plain[0])
        for row in range(4)
    )
    return first, second, third, fourth


def _marital_status(age: Floats, uniform: Floats) -> NDArray[np.int8]:
    married = np.clip((age - 22) / 14, 0.05, 0.8)
    divorced = np.clip((age - 28) / 150, 0.0, 0.12)
    return np.where(uniform < married, 1, np.where(uniform < married + divorced, 2, 0)).astype(np.int8)
