"""The published way of one noisy iteration and of one pruning curve, in PyTorch."""

import time

import numpy as np
import torch
from PIL import Image
from scipy.stats import levy_stable
from torch.utils.data import DataLoader, Dataset


MEAN, STD = 0.1307, 0.3081


class Images(Dataset):
    """Images as bytes, decoded and normalised one by one at every visit."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = Image.fromarray(self.images[index])
        pixels = torch.from_numpy(np.array(image, np.uint8, copy=True))
        scaled = pixels.unsqueeze(0).to(torch.float32).div(255)
        return scaled.sub(MEAN).div(STD), int(self.labels[index])


def network(width: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(784, width, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(width, 10, bias=False),
    )


def iteration_seconds(
    data: tuple[np.ndarray, np.ndarray], width: int, kind: int, *, n_steps: int
) -> list[tuple[float, float]]:
    """Wall and CPU seconds of iterations: loader, gradient, step, SciPy noise."""
    loader = DataLoader(Images(*data), batch_size=5000, shuffle=True)
    net = network(width)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
    criterion = torch.nn.CrossEntropyLoss()
    found = []
    batches = iter(loader)
    for _ in range(n_steps):
        wall, cpu = time.perf_counter(), time.process_time()
        x, y = next(batches)
        optimiser.zero_grad()
        criterion(net(x), y).backward()
        optimiser.step()
        add_noise(net[1].weight, kind)
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return found


def add_noise(weight: torch.Tensor, kind: int, alpha: float = 1.75) -> None:
    scale = 0.003 * 0.01 ** (1 / alpha)
    shape = (weight.shape[0], 1) if kind == 1 else tuple(weight.shape)
    noise = levy_stable.rvs(alpha, 0, size=shape)
    with torch.no_grad():
        weight.add_(torch.from_numpy(scale * noise).to(torch.float32))


def pruning_seconds(
    weights: list[np.ndarray],
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
) -> tuple[float, list[float]]:
    """Eleven levels, each with its own data, sort and evaluation; test accuracies."""
    start = time.perf_counter()
    accuracies = []
    for tenth in range(11):
        net = network(weights[0].shape[1])
        with torch.no_grad():
            net[1].weight.copy_(torch.from_numpy(weights[0].T.copy()))
            net[3].weight.copy_(torch.from_numpy(weights[1].T.copy()))
            norms = net[1].weight.norm(dim=1)
            removed = norms.argsort()[: len(norms) * tenth // 10]
            net[1].weight[removed] = 0
        for data in (train, test):
            hits = 0
            with torch.no_grad():
                for x, y in DataLoader(Images(*data), batch_size=5000):
                    hits += int((net(x).argmax(dim=1) == y).sum())
        accuracies.append(hits / len(test[0]))
    return time.perf_counter() - start, accuracies
