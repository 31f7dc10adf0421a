"""The planted training in PyTorch: the exercise's way, and as careful as we can."""

import math
import time

import torch
from torch.utils.data import DataLoader, Dataset


INPUT_DIM, N_OUTPUTS, TEACHER_WIDTH, WIDTH = 150, 10, 60, 120
BATCH_SIZE, SAMPLES_PER_EPOCH, INIT_SCALE, LEARNING_RATE = 10, 10_000, 0.1, 0.1


class Net(torch.nn.Module):
    """Two linear layers without biases and a ReLU between."""

    def __init__(self, width: int, init_scale: float) -> None:
        super().__init__()
        self.hidden = torch.nn.Linear(INPUT_DIM, width, bias=False)
        self.readout = torch.nn.Linear(width, N_OUTPUTS, bias=False)
        torch.nn.init.normal_(self.hidden.weight, std=math.sqrt(init_scale / INPUT_DIM))
        torch.nn.init.normal_(self.readout.weight, std=math.sqrt(init_scale / width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.readout(torch.relu(self.hidden(x)))


class OneByOne(Dataset):
    """Fresh samples, drawn and labelled one at a time."""

    def __init__(self) -> None:
        self.teacher = Net(TEACHER_WIDTH, 1.0).requires_grad_(False)

    def __len__(self) -> int:
        return SAMPLES_PER_EPOCH

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.randn(INPUT_DIM)
        return x, self.teacher(x)


def exercise(n_epochs: int) -> list[float]:
    """Seconds per epoch of the exercise's way: a loader, autograd, `optim.SGD`."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    loader = DataLoader(OneByOne(), batch_size=BATCH_SIZE)
    net = Net(WIDTH, INIT_SCALE)
    optimiser = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 50, 0.5)
    seconds = []
    for _ in range(n_epochs):
        start, total = time.perf_counter(), 0.0
        for x, y in loader:
            loss = 0.5 * ((y - net(x)) ** 2).sum(1).mean()
            if math.isnan(loss.item()):
                break
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        schedule.step()
        seconds.append(time.perf_counter() - start)
    return seconds


@torch.no_grad()
def careful(n_epochs: int) -> list[float]:
    """Seconds per epoch with batched sampling and hand-written gradients."""
    # These products are too small to share: one thread is the fastest.
    torch.set_num_threads(1)
    torch.manual_seed(0)
    teacher, net = Net(TEACHER_WIDTH, 1.0), Net(WIDTH, INIT_SCALE)
    v, u = (w.weight.T.contiguous() for w in (teacher.hidden, teacher.readout))
    w, r = (w.weight.T.contiguous() for w in (net.hidden, net.readout))
    per_draw = 50
    n_draws = SAMPLES_PER_EPOCH // (per_draw * BATCH_SIZE)
    seconds = []
    for _ in range(n_epochs):
        start, losses = time.perf_counter(), torch.zeros(())
        for _ in range(n_draws):
            x = torch.randn(per_draw * BATCH_SIZE, INPUT_DIM)
            y = torch.relu_(x @ v) @ u
            losses += _steps(w, r, x.split(BATCH_SIZE), y.split(BATCH_SIZE))
        float(losses)
        seconds.append(time.perf_counter() - start)
    return seconds


def _steps(w: torch.Tensor, r: torch.Tensor, xs: tuple, ys: tuple) -> torch.Tensor:
    """Gradient steps in place; the sum of the losses before them."""
    losses, rate = torch.zeros(()), -LEARNING_RATE / BATCH_SIZE
    for x, y in zip(xs, ys, strict=True):
        hidden = torch.relu_(x @ w)
        gap = torch.addmm(y, hidden, r, beta=-1)
        losses += gap.flatten().dot(gap.flatten())
        back = (gap @ r.T).mul_(hidden > 0)
        r.addmm_(hidden.T, gap, alpha=rate)
        w.addmm_(x.T, back, alpha=rate)
    return losses * (0.5 / BATCH_SIZE)
