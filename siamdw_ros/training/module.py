"""The training step as Lightning runs it."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from siamdw_ros.siamdw.networks import Network
from siamdw_ros.training.config import Config
from siamdw_ros.training.freezing import hold_stem, unfreeze_gradually
from siamdw_ros.training.objectives import Arrays, Batch, Objective
from siamdw_ros.training.optimization import make_optimizer, rate_factor
from siamdw_ros.training.record import ConfigError
from siamdw_ros.training.stream import PairStream, StepSampler, make_loader

MAX_SKIPPED_IN_A_ROW = 100


class Training(pl.LightningModule):
    """A network, what it is trained for, and how.

    Args:
        config: of the run.
        network: to be trained, in place.
        objective: draws pairs, and computes the loss of the network on them.
    """

    def __init__(self, config: Config, network: Network, objective: Objective) -> None:
        super().__init__()
        self.config, self.network, self.objective = config, network, objective
        self.skipped = self._skipped_in_a_row = 0

    @property
    def pairs_per_step(self) -> int:
        """Of all processes together."""
        return self.config.batch * int(self.trainer.world_size)

    @property
    def steps_per_epoch(self) -> int:
        """How many steps make an epoch."""
        return max(1, self.config.pairs_per_epoch // self.pairs_per_step)

    def train_dataloader(self) -> DataLoader[Arrays]:
        """Give the pairs of an epoch, from where the run is."""
        trainer = self.trainer
        sampler = StepSampler(
            self.steps_per_epoch,
            self.config.batch,
            lambda: trainer.global_step,
            trainer.global_rank,
            trainer.world_size,
        )
        stream = PairStream(self.objective, self.config.seed)
        return make_loader(stream, sampler, self.config.workers)

    def configure_optimizers(self) -> Any:
        """Make the optimiser, and the schedule that sets its rate each step."""
        optimizer = make_optimizer(self.network, self.config.optimizer)

        def factor(step: int) -> float:
            config = self.config
            return rate_factor(step, self.steps_per_epoch, config.epochs, config.optimizer)

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def on_train_start(self) -> None:
        """Set what learns, also where a run goes on in the middle of an epoch."""
        self._unfreeze()

    def on_train_epoch_start(self) -> None:
        """Set what learns in this epoch."""
        self._unfreeze()

    def _unfreeze(self) -> None:
        self.network.train()
        if self.config.freezing == "gradual":
            unfreeze_gradually(self.network.backbone, self.current_epoch, self.config.epochs)
        elif self.config.freezing in ("stem", "first"):
            hold_stem(self.network.backbone, first_stage=self.config.freezing == "first")

    def training_step(self, batch: Batch, _index: int) -> dict[str, Tensor]:
        """Compute the loss of a batch and its terms."""
        loss, terms = self.objective.loss(self.network, batch)
        self.log_dict({"loss": loss, **terms}, prog_bar=True)
        return {"loss": loss, **terms}

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, **_: Any) -> None:
        """Clip gradients; without finite ones the step changes nothing, and is counted.

        They are those of all processes together, so that all of them skip the same step.

        Raises:
            FloatingPointError: there have been none for too long.
        """
        norm = nn.utils.clip_grad_norm_(self.parameters(), self.config.optimizer.clip)
        if torch.isfinite(norm):
            self._skipped_in_a_row = 0
            return
        optimizer.zero_grad(set_to_none=True)
        self.skipped += 1
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise FloatingPointError(
                f"{self._skipped_in_a_row} steps in a row had no finite gradients: "
                "lower optimizer.rate, or give precision=full"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store what the weights do not contain."""
        checkpoint["skipped"] = self.skipped
        checkpoint["pairs_per_step"] = self.pairs_per_step

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it up again.

        Raises:
            ConfigError: steps would mean something else than before.
        """
        self.skipped = checkpoint["skipped"]
        if checkpoint["pairs_per_step"] != self.pairs_per_step:
            raise ConfigError(
                f"the run had {checkpoint['pairs_per_step']} pairs per step, now it would have "
                f"{self.pairs_per_step}: go on with as many devices, or change batch to match"
            )
