"""A Dask client that says at which worker each part of the data is kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

from distributed import Client, Future


class PlacedClient(Client):
    """A client that keeps parts at its workers in turn, so that the same parts always lie together, in their order.

    Dask alone puts them where there is room, which may differ from call to call.

    Attributes:
        places: Addresses of the workers.
    """

    def __init__(self, address: str, places: Sequence[str]) -> None:
        super().__init__(address, set_as_default=False)  # type: ignore[no-untyped-call]
        self.places = list(places)

    def keep(self, parts: Sequence[Any]) -> list[Future[Any]]:
        """Sends parts to the workers: the first to the first, the second to the next, and so on."""
        return [
            self.scatter(part, workers=[place], hash=False)  # type: ignore[no-untyped-call]
            for part, place in zip(parts, cycle(self.places), strict=False)
        ]

    def compute(self, collections: Any, *args: Any, **how: Any) -> Any:
        """See `Client.compute`; a list is worked on where its parts are kept."""
        if args or not isinstance(collections, list):
            return super().compute(collections, *args, **how)  # type: ignore[no-untyped-call]
        return [
            super(PlacedClient, self).compute(part, **{**how, "workers": [place]})  # type: ignore[no-untyped-call]
            for part, place in zip(collections, cycle(self.places), strict=False)
        ]

    def who_has(self, futures: Any = None, **how: Any) -> Any:
        """See `Client.who_has`, which forgets in which order it was asked."""
        found = super().who_has(futures, **how)  # type: ignore[no-untyped-call]
        return found if futures is None else {future.key: found[future.key] for future in futures}
