"""What an explanation found: a few lines for a terminal or a run's note, and figures for a tracker."""

from __future__ import annotations

from explanations.agreement import conflicts_on
from explanations.explanation import Explanation
from explanations.report.quantities import large_money
from explanations.report.remedies_section import by_paid_out, remedy_name

_ON = {"models": "", "record": ", on the lender's record", "both": ", where models and record agree"}


def finding(explanation: Explanation) -> str:
    """How many are favoured and refused, how they fare, and what refuses them most."""
    counts, rates = explanation.summary["counts"], explanation.summary["bad_rates"]
    if not counts["conflicts"]:
        return f"No conflicts: of {counts['favoured']:,} favoured requests the release model refuses none."
    known_by_oracle = rates["conflict"]["oracle_rate"] is not None
    seen, by = ("oracle_rate", "by the oracle") if known_by_oracle else ("rate", "as observed")
    shown = [rates[cohort][seen] for cohort in ("conflict", "reference")]
    bad, usual = ("unknown" if rate is None else f"{rate:.1%}" for rate in shown)
    return (
        f"{counts['conflicts']:,} of {counts['favoured']:,} favoured requests are refused "
        f"({counts['conflicts'] / counts['favoured']:.1%}){_ON[conflicts_on(explanation.summary)]}.\n"
        f"Bad rate ({by}): {bad} of these, {usual} of the favoured and released.\n"
        f"{_what_refuses(explanation)}{_what_causes(explanation)}{_phantom(explanation)}{_remedy(explanation)}"
    )


def _phantom(explanation: Explanation) -> str:
    """Limits on show that would be refused; nothing where nobody looked."""
    found = explanation.summary.get("phantom")
    if not found:
        return ""
    amount = large_money(found["phantom"], str(explanation.summary["currency"])).en
    when = f" on {found['on']}" if found["on"] else ""
    return (
        f"\nPhantom limit: {amount} on show{when} to {found['refused']:,.0f} borrowers who would be refused "
        f"({found['share']:.1%} of all on show)."
    )


def _remedy(explanation: Explanation) -> str:
    """The remedy by which most of the refused would be paid out; nothing where none was measured."""
    remedies = explanation.summary.get("remedies")
    if not remedies:
        return ""
    # As on the report's first screen: by how many of the refused would then be paid out.
    first = by_paid_out(remedies)[0]
    lead = "What would help most" if len(remedies) > 1 else "What could be tried"
    more = "" if first["bad"] is None else f"{first['bad']:,.0f}"
    bad = f", with {more} more bad {'loan' if more == '1' else 'loans'}" if more else ""
    name = remedy_name(explanation.summary, first["remedy"]).en
    return f"\n{lead}: {name}: {first['released']:,.0f} of the refused would be paid out{bad}."


def _what_causes(explanation: Explanation) -> str:
    """The mean share of each cause, largest first; nothing where the book does not tell them."""
    if explanation.summary.get("causes", {}).get("not_identifiable"):
        return "\nCauses of the conflicts: not identifiable from this book; the report says what it lacks."
    if conflicts_on(explanation.summary) == "record":
        return "\nCauses of the conflicts: not told of conflicts on the record; take models.conflicts=both for them."
    means = explanation.summary.get("causes", {}).get("mean_share", {})
    ordered = sorted(means.items(), key=lambda pair: (-pair[1], pair[0]))
    if not ordered:
        return ""
    said = ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in ordered)
    return f"\nCauses of the conflicts: {said}."


def _what_refuses(explanation: Explanation) -> str:
    """The features that push most toward refusal, or the rules where no conflict is refused by score."""
    pushing = explanation.contrast.loc[explanation.contrast["release_mean"] > 0, "feature"].head(3)
    if len(pushing):
        labels = (explanation.catalogue[name].label_en for name in pushing)
        return f"What refuses them most: {'; '.join(labels)}."
    rules = explanation.summary["counts"]["conflicts_by"]
    return f"None is refused by score; by rule: {', '.join(f'{rule} {count:,}' for rule, count in rules.items())}."


def finding_metrics(explanation: Explanation) -> dict[str, float]:
    """Counts and bad rates under names for a tracker (`explanation.conflicts`, `explanation.conflict.bad_rate`)."""
    counts, rates = explanation.summary["counts"], explanation.summary["bad_rates"]
    metrics = {
        f"explanation.{name}": float(count) for name, count in counts.items() if isinstance(count, int)
    }
    for cohort, rate in rates.items():
        for name in ("rate", "oracle_rate"):
            if rate[name] is not None:
                metrics[f"explanation.{cohort}.bad_{name}"] = rate[name]
    for name, share in explanation.summary.get("causes", {}).get("mean_share", {}).items():
        metrics[f"causes.{name}"] = share
    for name, value in explanation.summary.get("causes", {}).get("checked", {}).items():
        if isinstance(value, float):
            metrics[f"fidelity.{name}"] = value
    reasons = explanation.summary.get("reasons", {})
    for test in ("deletion", "stability"):
        for name, told in reasons.get(test, {}).items():
            if isinstance(told, dict):
                metrics[f"reasons.{test}.{name}"] = told["share"]
    for row in explanation.summary.get("lag_audit", []):
        metrics[f"lag_audit.{row['stream']}.removed"] = float(row["removed"])
    for name in ("phantom", "refused", "share"):
        if "phantom" in explanation.summary:
            metrics[f"phantom.{'amount' if name == 'phantom' else name}"] = explanation.summary["phantom"][
                name
            ]
    for row in explanation.summary.get("agreement", []):
        for name in ("share", "kappa"):
            if row[name] is not None:
                metrics[f"agreement.{row['what']}.{name}"] = row[name]
    for row in explanation.summary.get("remedies", []):
        metrics[f"remedies.{row['remedy']}.removed"] = float(row["removed"])
    for name, value in explanation.summary.get("diagnostics", {}).items():
        metrics[f"diagnostics.{name}"] = value
    for name, told in explanation.summary.get("cross_fitting", {}).get("figures", {}).items():
        metrics |= {
            f"cross_fitting.{name}{end}": told[part]
            for part, end in (("value", ""), ("low", "_low"), ("high", "_high"))
            if told[part] is not None
        }
    return metrics
