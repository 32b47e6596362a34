"""The digest of the code is that of its sources: of every one, and of nothing else."""

from pathlib import Path

from settings import code_digest


def test_the_digest_of_the_code_changes_with_any_source_and_with_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in ("stages.py", "models/codes.py"):
        (tmp_path / name).write_text("1")
    first = code_digest(tmp_path)
    (tmp_path / "README.md").write_text("words")
    assert code_digest(tmp_path) == first
    (tmp_path / "models" / "codes.py").write_text("2")
    second = code_digest(tmp_path)
    (tmp_path / "models" / "codes.py").rename(tmp_path / "models" / "ranks.py")
    assert len({first, second, code_digest(tmp_path)}) == 3
