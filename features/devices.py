"""Features of devices, identity and social behaviour."""

from __future__ import annotations

from features.catalogue import own_catalogue
from features.monthly_rows import MonthlyRows
from features.windows import Latest, Values


def devices(rows: MonthlyRows) -> dict[str, Values]:
    """What devices and profiles showed (rows of `device_social`)."""

    def latest(feature: str, column: str) -> Latest:
        return rows.latest(column, own_catalogue()[feature].months)

    return {
        "device_count_90d": latest("device_count_90d", "devices").most,
        "shared_device_risk": latest("shared_device_risk", "shared_device_risk").mean,
        "phone_tenure": rows.latest("phone_tenure", 1).last,
        "profile_changes_30d": latest("profile_changes_30d", "profile_changes").last,
        "contact_change_30d": latest("contact_change_30d", "contact_change").last,
    }
