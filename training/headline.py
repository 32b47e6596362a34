"""Out-of-time performance in a few lines, and against the domain's targets where an oracle can tell."""

from __future__ import annotations

from data.targets import MODEL_TARGETS, MODEL_TELLING, as_text, compare


def headline(metrics: dict[str, float], borrowers: int) -> str:
    """What the named metrics (see `training.metrics.metric_names`) say of the models, a line each.

    The domain's targets stand beside them where the book has borrowers enough to tell.
    """
    lines = []
    if "release.auc" in metrics:
        lines.append(
            f"Release model out of time: AUC {metrics['release.auc']:.3f}, KS {metrics['release.ks']:.3f}, "
            f"Brier {metrics['release.brier']:.4f} on requests with a known outcome"
        )
    if "limit.r2" in metrics:
        lines.append(
            f"Limit model out of time: R² {metrics['limit.r2']:.3f}, "
            f"median relative error {metrics['limit.median_relative_error']:.1%}"
        )
    known = model_figures(metrics)
    if len(known) == len(MODEL_TARGETS) and borrowers >= MODEL_TELLING:
        lines.append(as_text(compare(MODEL_TARGETS, known)))
    return "\n".join(lines)


def model_figures(metrics: dict[str, float]) -> dict[str, float]:
    """Those of the domain's figures of a release model that its metrics tell, by the target's name."""
    reached = {
        "PD model AUC, all requests": metrics.get("release.out_of_time.oracle.auc"),
        "PD model KS, all requests": metrics.get("release.out_of_time.oracle.ks"),
        "PD model AUC, released only": metrics.get("release.auc"),
    }
    return {name: value for name, value in reached.items() if value is not None}
