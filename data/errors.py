"""The two ways in which a command can end badly, each with its exit status."""


class CallError(Exception):
    """The call was wrong: a missing file, an unknown name, a value out of bounds (exit status 2)."""

    exit_status = 2


class DataFault(Exception):
    """The work found something wrong with the data or the models that it was given (exit status 1)."""

    exit_status = 1
