"""Train, and keep the weights of each process: train_and_keep_rank.py CONFIG."""

import os
import sys
from pathlib import Path

import torch

from siamdw_ros.training import loop
from siamdw_ros.training.config import load_config

if __name__ == "__main__":
    config = load_config(Path(sys.argv[1]), [])
    networks = []
    make_network = loop.make_network
    loop.make_network = lambda config: networks.append(make_network(config)) or networks[0]
    loop.train(config)
    rank = os.environ["RANK"]
    torch.save(networks[0].state_dict(), config.folder / f"rank{rank}.pt")
