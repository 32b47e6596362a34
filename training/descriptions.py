"""What the registry's pages say of each registered model, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Mapping

from training.home import DECISION, registered_name

_ALIASES = (
    "`@champion` serves, `@challenger` was trained last; `releasegap compare` and `promote` hold them against each "
    "other. `@champion` 为现行版本，`@challenger` 为最近训练的版本。"
)
_WHAT = {
    "limit": (
        "Predicts the limit that a review would give, in log-RMB.",
        "预测额度评估会给出的额度（对数人民币）。",
    ),
    "release": (
        "Estimates the PD of a draw request; the policy refuses what lies above the cut-off.",
        "估计放款申请的 PD；高于拒绝线的由政策拒绝。",
    ),
    DECISION: (
        "Both models and the policy in one: what would be decided on a row, and why.",
        "两个模型与政策合而为一：对一行数据会作何决定，以及原因。",
    ),
}
NAME_DESCRIPTIONS: Mapping[str, str] = {
    registered_name("limit"): "\n\n".join((*_WHAT["limit"], _ALIASES)),
    registered_name("release"): "\n\n".join((*_WHAT["release"], _ALIASES)),
    registered_name(DECISION): "\n\n".join((*_WHAT[DECISION], _ALIASES)),
}
"""What each registered model is (Markdown), by its name."""
DECISION_DESCRIPTION = (
    "What both models and the policy say of a row: limit, PD, decision, the rule that refused, up to four reasons. "
    "The tags name the versions of both models; their cards say how good they are.\n\n"
    "对每一行给出两个模型与政策的结论：额度、PD、决定、拒绝规则、至多四项原因。标签注明两个模型的版本，模型卡说明其质量。"
)
"""What each version of the decision model is."""
