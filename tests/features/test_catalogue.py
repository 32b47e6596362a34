"""The catalogue agrees with itself; imported books bring their own."""

import re

import pytest

from data.book import Book, Manifest
from data.errors import CallError, DataFault
from data.schema import STREAMS
from features.catalogue import PROTECTED, Catalogue, catalogue_of, days_of, own_catalogue

FEATURES = own_catalogue().features
UNITS = {"RMB", "d", "m", "n", "r", "0/1", "0-1", "id", "z"}


def test_every_feature_has_a_name_of_its_own_that_a_booster_can_bear():
    names = [feature.name for feature in FEATURES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


def test_every_feature_is_told_in_both_languages():
    for feature in FEATURES:
        for text in (feature.label_en, feature.definition_en, feature.family):
            assert text
            assert text.isascii()
        for text in (feature.label_zh, feature.definition_zh, feature.family_zh):
            assert re.search(r"[\u4e00-\u9fff]", text)
        assert re.fullmatch(r"[^.]*\.", feature.definition_en), feature.name
        assert re.fullmatch(r"[^。]*。", feature.definition_zh), feature.name


def test_labels_tell_features_apart():
    for labels in ([f.label_en for f in FEATURES], [f.label_zh for f in FEATURES]):
        assert len(set(labels)) == len(labels)


def test_signs_units_streams_and_uses_are_known_ones():
    for feature in FEATURES:
        assert {feature.limit_sign, feature.release_sign} <= {"+", "-", "0", "x"}
        assert feature.unit in UNITS
        assert feature.stream in (*STREAMS, "request", "context")
        assert feature.reason_use in ("Y", "C", "N")
        assert re.fullmatch(r"now|life|\d+[dm](/\d+m)?", feature.window)


def test_each_family_has_one_name_in_each_language():
    pairs = {(feature.family, feature.family_zh) for feature in FEATURES}
    assert len(pairs) == len({family for family, _ in pairs}) == len({family for _, family in pairs})


def test_a_feature_that_may_be_named_has_a_reason_and_one_that_may_not_has_none():
    for feature in FEATURES:
        # R18 to R20 are the lender's side: policy, errors, stale data.
        assert feature.reason_code in ("", *(f"R{number:02d}" for number in range(1, 18)))
        assert bool(feature.reason_code) or feature.reason_use != "Y"
        assert not feature.reason_code or feature.reason_use != "N"


def test_the_request_enters_the_release_model_alone_and_the_context_the_limit_model_alone():
    for feature in FEATURES:
        assert (feature.limit_sign == "x") == (feature.stream == "request")
        assert (feature.release_sign == "x") == (feature.stream == "context")


def test_what_lowers_the_limit_never_lowers_the_probability_of_default():
    for feature in FEATURES:
        assert (feature.limit_sign, feature.release_sign) not in (("-", "-"), ("+", "+"))


def test_protected_attributes_and_contacts_delinquency_are_not_features():
    assert {feature.name for feature in FEATURES}.isdisjoint({*PROTECTED, "contacts_overdue_share"})


def test_columns_stand_in_the_order_of_the_catalogue_with_their_signs():
    signs = {"+": 1, "-": -1, "0": 0}
    catalogue = own_catalogue()
    in_release = [feature for feature in FEATURES if feature.release_sign != "x"]
    assert catalogue.release == tuple(feature.name for feature in in_release)
    assert catalogue.release_signs == tuple(signs[feature.release_sign] for feature in in_release)
    in_limit = [feature for feature in FEATURES if feature.limit_sign != "x"]
    assert catalogue.limit == tuple(feature.name for feature in in_limit)
    assert catalogue.limit_signs == tuple(signs[feature.limit_sign] for feature in in_limit)


@pytest.mark.parametrize(
    ("name", "days", "months"),
    [
        ("mp_apps_7d", 7, 0),
        ("bureau_enq_1m", 30, 1),
        ("bureau_enq_3m", 91, 3),
        ("device_count_90d", 90, 3),
        ("bureau_enq_6m", 182, 6),
        ("own_dpd_max_12m", 365, 12),
        ("bureau_dpd_max_24m", 730, 24),
    ],
)
def test_windows_are_read_in_days_and_in_months(name, days, months):
    feature = own_catalogue()[name]
    assert (feature.days, feature.months) == (days, months)


def test_a_month_is_a_twelfth_of_a_year():
    assert [days_of(months) for months in (1, 3, 6, 12, 24)] == [30, 91, 182, 365, 730]


def test_an_unknown_feature_is_refused_by_name():
    assert "dti_ratio" in own_catalogue()
    assert "gender" not in own_catalogue()
    with pytest.raises(CallError, match="no feature 'dti'; known are: own_dpd_current"):
        own_catalogue()["dti"]


def test_the_digest_tells_one_catalogue_from_another():
    assert Catalogue(FEATURES).digest == own_catalogue().digest
    assert Catalogue(FEATURES[::-1]).digest != own_catalogue().digest


MAPPED = {
    "name": "PAY_0",
    "column": None,
    "values": None,
    "label_en": "Repayment status",
    "label_zh": "还款状态",
    "definition_en": "Months past due.",
    "definition_zh": None,
    "unit": "m",
    "family": "own record",
    "family_zh": None,
    "limit_sign": "x",
    "release_sign": "+",
}


def imported(mapping: dict | None, tmp_path) -> Book:
    return Book(tmp_path, Manifest(1, "imported", 1, mapping=mapping))


def test_an_imported_book_has_the_features_of_its_mapping_in_its_order(tmp_path):
    other = MAPPED | {"name": "AGE_OF_ACCOUNT", "family": "tenure", "limit_sign": "+", "release_sign": "-"}
    catalogue = catalogue_of(imported({"features": [MAPPED, other]}, tmp_path))
    assert catalogue.release == ("PAY_0", "AGE_OF_ACCOUNT")
    assert catalogue.release_signs == (1, -1)
    assert catalogue.limit == ("AGE_OF_ACCOUNT",)
    assert (catalogue["PAY_0"].definition_en, catalogue["PAY_0"].definition_zh) == (
        "Months past due.",
        "还款状态",
    )
    assert (catalogue["PAY_0"].family_zh, catalogue["AGE_OF_ACCOUNT"].family_zh) == ("本平台记录", "tenure")
    assert catalogue["PAY_0"].reason_use == "N"


def test_an_imported_feature_may_be_named_for_the_reason_that_its_mapping_says(tmp_path):
    told = [MAPPED | {"reason_code": "R01"}, MAPPED | {"name": "B", "reason_code": "R17", "reason_use": "C"}]
    told.append(MAPPED | {"name": "C", "reason_code": None, "reason_use": None})
    catalogue = catalogue_of(imported({"features": told}, tmp_path))
    assert [(one.reason_code, one.reason_use) for one in catalogue.features] == [
        ("R01", "Y"),
        ("R17", "C"),
        ("", "N"),
    ]


@pytest.mark.parametrize("mapping", [None, {}, {"features": []}])
def test_an_imported_book_without_features_is_refused(mapping, tmp_path):
    with pytest.raises(DataFault, match="names no features"):
        catalogue_of(imported(mapping, tmp_path))


def test_a_dated_book_has_the_projects_own_catalogue(tmp_path):
    dated = Book(tmp_path, Manifest(1, "simulated", 1, first_month="2024-01", months=24))
    assert catalogue_of(dated) is own_catalogue()
