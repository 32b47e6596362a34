"""The parameters of splits and fits; `params.yaml` sets each with its unit and its reason."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data.parameters import Parameters

Month = Annotated[int, Field(ge=1, le=600)]
Share = Annotated[float, Field(gt=0, lt=1)]
SampledShare = Annotated[float, Field(gt=0, le=1)]
RejectInference = Literal["none", "fuzzy", "parcelling", "reweight"]


class PeriodParameters(Parameters):
    """The periods of a dated book by history month, each up to and with its last month.

    Attributes:
        train_until: Last month of the training period, which begins with month 1.
        early_stopping_until: Last month of the period on which the number of trees is chosen.
        calibration_until: Last month of the period on which PDs are calibrated.
        out_of_time_until: Last month of the period on which models are judged and conflicts explained.
        fit_month: On the first day of this month the models are fitted, so far as labels go.
        label_days: Age of a label, in days from the request, before it may be used.
    """

    train_until: Month
    early_stopping_until: Month
    calibration_until: Month
    out_of_time_until: Month
    fit_month: Month
    label_days: Annotated[int, Field(ge=1, le=730)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ends = (self.train_until, self.early_stopping_until, self.calibration_until, self.out_of_time_until)
        if sorted(set(ends)) != list(ends):
            raise ValueError("the periods must end one after the other, each after at least one month")
        return self


class ShareParameters(Parameters):
    """Shares (0–1) of an undated book by hash of the id; what they leave is held out."""

    train: Share
    early_stopping: Share
    calibration: Share

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        if self.train + self.early_stopping + self.calibration >= 1:
            raise ValueError("the shares must sum to less than 1, so that something is held out")
        return self


class BoosterParameters(Parameters):
    """How a booster is fitted.

    Attributes:
        rounds: Most trees.
        patience: Rounds without a better score on the early-stopping period before the fit ends.
        stopping_rows: Most rows of that period that are scored after each round, spread evenly over all.
        learning_rate: Share of each tree's values that is added.
        num_leaves: Most leaves of a tree.
        max_depth: Most splits on a path; 8 at most, since the explanation tabulates 2^depth patterns a leaf.
        min_data_in_leaf: Fewest rows of a leaf.
        min_sum_hessian: Least sum of second derivatives in a leaf (rows · p · (1 − p) for a PD).
        l2: Penalty on the squares of leaf values.
        feature_share: Share of the features that a tree may use.
        row_share: Share of the rows that a tree sees.
        max_bin: Most bins of a feature's histogram.
    """

    rounds: Annotated[int, Field(ge=1, le=10_000)]
    patience: Annotated[int, Field(ge=1, le=1_000)]
    stopping_rows: Annotated[int, Field(ge=1_000)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    num_leaves: Annotated[int, Field(ge=2, le=256)]
    max_depth: Annotated[int, Field(ge=1, le=8)]
    min_data_in_leaf: Annotated[int, Field(ge=1)]
    min_sum_hessian: Annotated[float, Field(ge=0)]
    l2: Annotated[float, Field(ge=0)]
    feature_share: SampledShare
    row_share: SampledShare
    max_bin: Annotated[int, Field(ge=7, le=255)]


class ReleaseFitParameters(BoosterParameters):
    """How the release model is fitted.

    Attributes:
        reject_inference: How those refused by score enter the fit (`training.reject_inference`).
    """

    reject_inference: RejectInference


class CrossFittingParameters(Parameters):
    """How a small book without dates is cross-fitted (`training.cross_fitting`).

    Attributes:
        rows: Most clients of a book that is.
        folds: Folds, each of which is scored by models fitted on the others.
        repeats: How often all of this is done, with other folds and seeds.
    """

    rows: Annotated[int, Field(ge=0)]
    folds: Annotated[int, Field(ge=2, le=20)]
    repeats: Annotated[int, Field(ge=2, le=100)]


class DistributedParameters(Parameters):
    """How a fit on the workers of a cluster is done.

    Attributes:
        minutes: How long one fit may take, its second try included.
        parts: So many parts the rows are dealt to, and the parts to the workers.
    """

    minutes: Annotated[float, Field(gt=0, le=10_080)]
    parts: Annotated[int, Field(ge=1, le=100_000)]


WHOLE = ("num_leaves", "max_depth", "min_data_in_leaf", "max_bin")
"""Parameters of a fit that are tuned as whole numbers."""
TUNED = (*WHOLE, "learning_rate", "min_sum_hessian", "l2", "feature_share", "row_share")
"""Parameters of a fit that can be tuned: early stopping sees to the number of trees."""


class RangeParameters(Parameters):
    """The range of a parameter that a tuning tries.

    Attributes:
        low: Least value.
        high: Largest value.
        log: Whether its logarithm is drawn evenly, as of what acts by factors.
        whole: Whether it is a whole number.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("what is drawn by its logarithm must begin above 0")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("the ends of a range of whole numbers must be whole")
        return self


class TuningParameters(Parameters):
    """How parameters of a fit are tuned (see `training.tuning`).

    Attributes:
        release_objective: The metric that decides for the release model.
        limit_objective: The metric that decides for the limit model.
        trials: How many trials in all.
        random_trials: How many of them are drawn before others are chosen by what was seen, and before any is pruned.
        folds: Validation periods of a dated book, one before the other.
        months: Months of each, and of the early-stopping period before it.
        release: Range of each parameter of the release model's fit that is tried.
        limit: The same of the limit model's.
    """

    release_objective: Literal["log_loss", "auc"]
    limit_objective: Literal["mae", "mae_log", "rmse"]
    trials: Annotated[int, Field(ge=1, le=10_000)]
    random_trials: Annotated[int, Field(ge=1, le=1_000)]
    folds: Annotated[int, Field(ge=1, le=12)]
    months: Annotated[int, Field(ge=1, le=60)]
    release: Annotated[dict[str, RangeParameters], Field(min_length=1)]
    limit: Annotated[dict[str, RangeParameters], Field(min_length=1)]

    @model_validator(mode="after")
    def _of_a_fit(self) -> Self:
        for group, space in (("release", self.release), ("limit", self.limit)):
            for name, one in space.items():
                if name not in TUNED:
                    raise ValueError(
                        f"{group}.{name} is no parameter that can be tuned; known: {', '.join(TUNED)}"
                    )
                if one.whole != (name in WHOLE):
                    raise ValueError(f"{group}.{name} must {'' if name in WHOLE else 'not '}be whole")
        return self


class CardParameters(Parameters):
    """What is measured for model cards.

    Attributes:
        rows: Rows on which directions are tried and contributions added up.
        values: Values that each feature is set to.
    """

    rows: Annotated[int, Field(ge=1, le=100_000)]
    values: Annotated[int, Field(ge=2, le=100)]


class ReadinessParameters(Parameters):
    """From where on a check tells of a feature or an attribute (`training.readiness`).

    Attributes:
        leak_auc: AUC with which a feature alone tells good from bad.
        proxy_auc: AUC with which the features tell a protected group.
        proxy_rows: Borrowers of a group, in either half, below which it is not tried.
        proxy_groups: Categories of an attribute that are tried, the largest first.
        psi: Stability index of a feature between training and the period that is judged.
        rows: Most rows on which leaks and proxies are looked for, spread evenly over all.
    """

    leak_auc: Annotated[float, Field(gt=0.5, le=1)]
    proxy_auc: Annotated[float, Field(gt=0.5, le=1)]
    proxy_rows: Annotated[int, Field(ge=1)]
    proxy_groups: Annotated[int, Field(ge=1)]
    psi: Annotated[float, Field(gt=0)]
    rows: Annotated[int, Field(ge=100)]


class TrainingParameters(Parameters):
    """All parameters of the folder `training`."""

    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]
    periods: PeriodParameters
    shares: ShareParameters
    limit: BoosterParameters
    release: ReleaseFitParameters
    cross_fitting: CrossFittingParameters
    distributed: DistributedParameters
    tuning: TuningParameters
    cards: CardParameters
    readiness: ReadinessParameters


class BenchmarkParameters(Parameters):
    """How the logistic scorecard is fitted that stands beside the release model (`training.logistic_fit`).

    Attributes:
        bins: Bins of a feature before neighbours are pooled.
        least_information: Information value below which a feature is left out.
        penalty: Inverse strength of the penalty on the squares of the weights.
        rows: Most rows of the fit, spread evenly over all.
    """

    bins: Annotated[int, Field(ge=2, le=100)]
    least_information: Annotated[float, Field(ge=0, le=1)]
    penalty: Annotated[float, Field(gt=0)]
    rows: Annotated[int, Field(ge=1_000)]


class ComparisonParameters(Parameters):
    """How two models are held against each other (`training.paired`).

    Attributes:
        draws: Draws of the bootstrap over borrowers.
        row_draws: Rows times draws at most, so that large books take fewer draws.
        level: Coverage of the intervals.
        seed: Which borrowers are drawn.
    """

    draws: Annotated[int, Field(ge=20, le=100_000)]
    row_draws: Annotated[int, Field(ge=1)]
    level: Annotated[float, Field(gt=0, lt=1)]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]


class GateParameters(Parameters):
    """What a model must hold before it becomes the champion (`training.gates`).

    Attributes:
        auc_loss: AUC that the release model may lose against the champion.
        benchmark_loss: AUC that it may lie below the logistic scorecard.
        error_growth: Growth of the limit model's mean absolute error that is borne, as a share of the champion's.
        calibration: Lowest and highest ratio of the bad rate to the mean PD (of assessed to predicted limits).
        psi: Population stability index of the score out of time against the training period, at most.
        monotone_rows: Rows on which monotonicity is checked.
        fairness: Lowest ratio of the lowest to the highest rate of approval (of being favoured) by protected attribute.
        fairness_exempt: Protected attributes whose ratio is told and does not count.
        additive: Most by which contributions and base may differ from the score (log-odds, log-RMB).
        explained: Rows whose contributions are checked.
    """

    auc_loss: Annotated[float, Field(ge=0, le=0.5)]
    benchmark_loss: Annotated[float, Field(ge=0, le=0.5)]
    error_growth: Annotated[float, Field(ge=0, le=1)]
    calibration: tuple[float, float]
    psi: Annotated[float, Field(gt=0)]
    monotone_rows: Annotated[int, Field(ge=1)]
    fairness: Annotated[float, Field(gt=0, le=1)]
    fairness_exempt: tuple[str, ...]
    additive: Annotated[float, Field(gt=0, le=1)]
    explained: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _around_one(self) -> Self:
        if not 0 < self.calibration[0] <= 1 <= self.calibration[1]:
            raise ValueError("calibration must name a lowest ratio up to 1 and a highest from 1 on")
        return self


class GovernanceParameters(Parameters):
    """How models are compared and promoted.

    Attributes:
        two_person: Whether somebody else than who trained a version must promote it.
    """

    two_person: bool
    benchmark: BenchmarkParameters
    comparison: ComparisonParameters
    gates: GateParameters


class MonitoringParameters(Parameters):
    """What is monitored, and from where on it is an alarm (see `training.drift`).

    Attributes:
        months: Months of requests and reviews that are held against the period before.
        outcome_months: Months of requests with a known outcome.
        level: Share of the checks without any change that chance alone does not let pass.
        psi: Stability index of a score.
        csi: Stability index of a feature.
        apart: Features that are not held against it.
        calibration_ratio: Factor by which bad loans over those expected have moved.
        auc_drop: By how much AUC has fallen.
        conflict_rise: By how much the share of the favoured who are refused has risen.
        delay_days: Days by which a stream arrives later on average.
        silent_days: Days without anything of a stream.
        rows: Requests, and as many reviews, that are binned at most.
        borrowers: Borrowers whose streams are read for the delays at most.
    """

    months: Annotated[int, Field(ge=1, le=120)]
    outcome_months: Annotated[int, Field(ge=1, le=120)]
    level: Annotated[float, Field(gt=0.5, lt=1)]
    psi: Annotated[float, Field(gt=0)]
    csi: Annotated[float, Field(gt=0)]
    apart: tuple[str, ...]
    calibration_ratio: Annotated[float, Field(gt=1)]
    auc_drop: Annotated[float, Field(gt=0, lt=1)]
    conflict_rise: Annotated[float, Field(gt=0, lt=1)]
    delay_days: Annotated[float, Field(gt=0)]
    silent_days: Annotated[float, Field(gt=0)]
    rows: Annotated[int, Field(ge=100)]
    borrowers: Annotated[int, Field(ge=1)]
