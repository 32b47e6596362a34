"""Heads of decision ledgers as tags of the experiment in MLflow, out of reach of who can write to a ledger's folder."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from mlflow.exceptions import MlflowException

from data.decision_ledger.chain import Checkpoint
from data.errors import CallError, DataFault
from training.tracking import Store

TAG = "ledger."
"""What the tag's name begins with; the name of the ledger's folder follows."""


@dataclass(frozen=True)
class LedgerCheckpoints:
    """The checkpoint of a ledger in a store.

    Attributes:
        store: The store.
        ledger: The ledger's folder, by whose name the checkpoint is found.
    """

    store: Store
    ledger: Path

    @property
    def tag(self) -> str:
        """The tag's name."""
        return TAG + re.sub(r"[^\w.\- ]", "_", self.ledger.resolve().name)

    def read(self) -> Checkpoint | None:
        """The latest checkpoint; None where there is none, or no store.

        Raises:
            CallError: The store does not answer.
            DataFault: The tag holds something else.
        """
        if not self.store.exists:
            return None
        try:
            told = self.store.client.get_experiment(self._experiment).tags.get(self.tag)
        except MlflowException as error:
            raise self._unanswered(error) from error
        if told is None:
            return None
        try:
            said = json.loads(told)
            return Checkpoint(int(said["blocks"]), int(said["rows"]), str(said["head"]))
        except (ValueError, KeyError, TypeError):
            raise DataFault(
                f"the tag {self.tag} in {self.store.place} is no checkpoint of a ledger; it was changed."
            ) from None

    def write(self, checkpoint: Checkpoint) -> None:
        """Keeps a checkpoint as the latest.

        Raises:
            CallError: The store does not answer.
        """
        try:
            told = json.dumps(asdict(checkpoint))
            self.store.client.set_experiment_tag(self._experiment, self.tag, told)
        except MlflowException as error:
            raise self._unanswered(error) from error

    @property
    def _experiment(self) -> str:
        # Under `mlflow run` the experiment of runs is another one; the checkpoint stays where all find it.
        found = self.store.client.get_experiment_by_name(self.store.experiment)
        return str(found.experiment_id) if found is not None else self.store.experiment_id

    def _unanswered(self, error: MlflowException) -> CallError:
        reason = str(error).strip().partition("\n")[0]
        return CallError(
            f"the checkpoint of {self.ledger} is not to be had in {self.store.place}: {reason}; the ledger itself is "
            "whole. Call again when the store answers."
        )
