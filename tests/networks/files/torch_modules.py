"""PyTorch modules of the kinds that are read, with moments that are not the first."""

from itertools import pairwise

import torch
from torch import nn


def dense(sizes, activation, *, bias=True):
    layers = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after, bias=bias), activation()]
    return nn.Sequential(*layers[:-1])


class VGG(nn.Module):
    """Convolutions with biases or norms, a maximum after some, one linear layer."""

    def __init__(self, *, norm, widths=(4, 6, 8), pooled=(0, 2)):
        super().__init__()
        layers, before = [], 3
        for index, width in enumerate(widths):
            layers.append(nn.Conv2d(before, width, 3, padding=1))
            layers += [nn.BatchNorm2d(width)] * norm + [nn.ReLU(inplace=True)]
            layers += [nn.MaxPool2d(2, 2)] * (index in pooled)
            before = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(before, 5)

    def forward(self, x):
        hidden = self.features(x).mean((2, 3))
        return self.classifier(hidden.view(hidden.size(0), -1))


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x):
        hidden = torch.relu(self.bn1(self.conv1(x)))
        hidden = self.bn2(self.conv2(hidden))
        hidden += self.shortcut(x)
        return nn.functional.relu(hidden)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(Block(4, 4, 1), Block(4, 4, 1))
        self.layer2 = nn.Sequential(Block(4, 8, 2))
        self.linear = nn.Linear(8, 5)

    def forward(self, x):
        hidden = nn.functional.relu(self.bn1(self.conv1(x)))
        hidden = self.layer2(self.layer1(hidden))
        hidden = nn.functional.avg_pool2d(hidden, hidden.shape[-1])
        return self.linear(torch.flatten(hidden, 1))


class Attention(nn.Module):
    """No chain."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(30, 12)
        self.query = nn.Linear(12, 12, bias=False)
        self.output = nn.Linear(12, 30)

    def forward(self, x):
        hidden = self.embedding(x)
        return self.output(torch.softmax(self.query(hidden), -1) * hidden)


def trained(module, *, images=True):
    """The module with moments of some batches, ready to evaluate."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter += 0.1 * noise
        if images:
            module.train()(torch.randn(16, 3, 8, 8, generator=generator))
    return module.eval()


def normalised(*, before):
    """A dense network with a normalisation before or after its activation."""
    middle = [nn.BatchNorm1d(5), nn.ReLU()]
    layers = [nn.Linear(6, 5), *(middle if before else middle[::-1]), nn.Linear(5, 3)]
    module = nn.Sequential(*layers).train()
    module(torch.randn(20, 6, generator=torch.Generator().manual_seed(2)))
    return module
