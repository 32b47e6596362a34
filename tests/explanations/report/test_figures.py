from collections.abc import Callable
from pathlib import Path

from PIL import Image

from explanations.explanation import Explanation
from explanations.report.figures import write_figures


def test_map_and_contrast_are_drawn_the_same_each_time(simulated: Explanation, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    written = write_figures(simulated, one)
    write_figures(simulated, other)
    assert [path.name for path in written] == [
        "conflict_map.png",
        "conflict_map.svg",
        "contrast.png",
        "contrast.svg",
    ]
    for path in written:
        assert path.read_bytes() == (other / path.name).read_bytes()
        if path.suffix == ".svg":
            assert "<svg" in path.read_text(encoding="utf-8")[:200]
            continue
        with Image.open(path) as picture:
            assert picture.width > 1500
            assert len(picture.convert("RGB").resize((200, 100)).getcolors(20_000) or []) > 20


def test_nothing_is_drawn_where_no_score_refused(
    explanation_of: Callable[..., Explanation], tmp_path: Path
) -> None:
    assert write_figures(explanation_of(conflicts=20, rules=("slip",)), tmp_path) == []
    assert list(tmp_path.iterdir()) == []
