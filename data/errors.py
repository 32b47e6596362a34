"""The two ways in which a command can end badly, each with its exit status."""


class _Told(Exception):
    """A sentence for the user, in one line and without control characters, whatever names from files stand in it."""

    def __str__(self) -> str:
        """The sentence; what cannot be printed is written as Python writes it in a text."""
        said = super().__str__()
        return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in said)


class CallError(_Told):
    """The call was wrong: a missing file, an unknown name, a value out of bounds (exit status 2)."""

    exit_status = 2


class DataFault(_Told):
    """The work found something wrong with the data or the models that it was given (exit status 1)."""

    exit_status = 1
