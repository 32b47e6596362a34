"""What a fault says is one line that a terminal can show, whatever stood in a file."""

import pytest

from data.errors import CallError, DataFault


@pytest.mark.parametrize("kind", [CallError, DataFault])
def test_what_cannot_be_printed_is_written_out(kind: type[Exception]) -> None:
    said = str(kind("unknown parameter 'a\n\x1b[31m\u2028授信\\n'; leave it out."))
    assert said == "unknown parameter 'a\\n\\x1b[31m\\u2028授信\\n'; leave it out."
