"""Output of a run: checkpoints, weights, and a table of losses with its image."""

import csv
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from siamdw_ros.siamdw.checkpoints import save_network
from siamdw_ros.training.curves import draw_losses
from siamdw_ros.training.module import Training

CHECKPOINT = "training.ckpt"


class LossTable(pl.Callback):
    """Appends to losses.csv, every so many steps, the means since the row before.

    A run that goes on takes its rows back to where its checkpoint is. With several processes the
    means are over all of them.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.file, self.every = folder / "losses.csv", every
        self.sums: dict[str, torch.Tensor | float] = {}
        self.count, self.rate = 0, 0.0

    def state_dict(self) -> dict[str, Any]:
        """Keep the part of a row that is under way."""
        sums = {name: float(value) for name, value in self.sums.items()}
        return {"sums": sums, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it up."""
        self.sums, self.count = dict(state["sums"]), state["count"]

    def on_train_start(self, trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Forget rows of steps that have to be done again."""
        if trainer.is_global_zero and self.file.exists():
            with self.file.open(newline="") as file:
                header, *rows = list(csv.reader(file)) or [[]]
            whole = [row for row in rows if len(row) == len(header)]
            kept = [row for row in whole if int(row[0]) <= trainer.global_step]
            partial = self.file.with_suffix(".partial")
            with partial.open("w", newline="") as file:
                csv.writer(file).writerows([header, *kept])
            partial.replace(self.file)

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Store the rate of this step; at its end the next one's is set already."""
        self.rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, module: Training, outputs: dict[str, torch.Tensor], *_: Any
    ) -> None:
        """Add up, and write a row when it is time."""
        for name, value in outputs.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach()  # waits for no device
        self.count += 1
        if trainer.global_step % self.every == 0:
            means = torch.tensor([float(value) / self.count for value in self.sums.values()])
            means = trainer.strategy.reduce(means.to(module.device), reduce_op="mean")
            if trainer.is_global_zero:
                self._write(trainer, module, dict(zip(self.sums, means.tolist(), strict=True)))
            self.sums, self.count = {}, 0

    def _write(self, trainer: pl.Trainer, module: Training, means: dict[str, float]) -> None:
        row = {
            "step": trainer.global_step,
            "epoch": trainer.current_epoch,
            "rate": f"{self.rate:.6g}",
            **{name: f"{value:.6g}" for name, value in means.items()},
            "skipped": module.skipped,
        }
        new = not self.file.exists() or not self.file.stat().st_size
        with self.file.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)

    def on_train_epoch_end(self, trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Draw the curves."""
        if trainer.is_global_zero and self.file.exists():
            draw_losses(self.file, self.file.with_suffix(".png"))


class Checkpoints(pl.Callback):
    """Writes training.ckpt, from which a run goes on, and the weights that a tracker takes.

    Every so many steps and after each epoch; network.pt is the newest, and each epoch leaves
    weights/epoch_NNN.pt behind. A run that is killed while writing keeps the file before.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every = folder, every

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, module: Training, *_: Any
    ) -> None:
        """Write when it is time."""
        if trainer.global_step % self.every == 0:
            self._save(trainer, module)

    def on_train_epoch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, module: Training
    ) -> None:
        """Write, and keep the weights of this epoch."""
        self._save(trainer, module)
        if trainer.is_global_zero:
            kept = self.folder / "weights" / f"epoch_{trainer.current_epoch + 1:03d}.pt"
            kept.parent.mkdir(exist_ok=True)
            save_network(module.network, kept, half=True)

    def _save(self, trainer: pl.Trainer, module: Training) -> None:
        partial = self.folder / "training.partial"
        trainer.save_checkpoint(partial)  # every process takes part
        if trainer.is_global_zero:
            partial.replace(self.folder / CHECKPOINT)
            partial_weights = self.folder / "network.partial"
            save_network(module.network, partial_weights, half=True)
            partial_weights.replace(self.folder / "network.pt")
