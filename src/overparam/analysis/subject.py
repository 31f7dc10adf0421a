"""What an analysis is given: a network, and what it was trained on, how and from where.

An analysis asks for the views it needs and for nothing else. Each gives the thing or
refuses in one sentence, which is then the reason why the analysis does not apply.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
import polars as pl
from jaxtyping import Float

from ..data.catalogue import load_data
from ..data.files.official import CIFAR, OFFICIAL
from ..data.own.reference import reference
from ..data.source import Batch
from ..data.train_test import TrainTest, train_test_of
from ..drawing import normal
from ..errors import ConfigError, StoreError
from ..keys import purpose_key
from ..networks.biased import Biased
from ..networks.files.named import NamedWeights, as_network
from ..networks.files.serialise import weights_from_arrays
from ..networks.finite import check_finite
from ..networks.layers import inputs_first
from ..networks.network import Network, output_shape
from ..networks.view import TwoLayerView, at_rest, depends_on_batch, two_layer_view
from ..store.read import StoredRun
from ..store.status import no_network
from ..training.plan import Plan, Training
from .contract import Contract, Flow, Teacher


GAUSSIAN = "gaussian"
"""Name of standard normal inputs without targets, for any network of vectors."""
N_GAUSSIAN = 20_000

Found = TypeVar("Found")
Kept = Network | NamedWeights | tuple[Mapping[str, np.ndarray], Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Unstored:
    """A network that no run has stored, in the place of one."""

    network: Network | NamedWeights
    path: Path = Path("network")
    id: str = "network"
    study: str = "no study"
    config: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    status: str = "finished"
    error: None = None
    start: Network | NamedWeights | None = None  # The same before training.

    @property
    def metrics(self) -> pl.DataFrame:
        """It has none."""
        return pl.DataFrame()

    @property
    def kept_steps(self) -> tuple[int, ...]:
        """Its start, where it has one."""
        return () if self.start is None else (0,)

    def kept(self, step: int) -> Network | NamedWeights:
        """Its start; it was kept at no other step."""
        if step or self.start is None:
            raise StoreError(f"A network alone has none of step {step}: give a run.")
        return self.start


AnyRun = StoredRun | Unstored
"""What is looked at."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A network under analysis: of a stored run, with what its study says, or any."""

    run: AnyRun
    contract: Contract = field(default_factory=Contract)
    has_other_data: bool = False
    """Whether its data were given in the place of those that it was trained on."""
    called: str = ""
    """Which of several of one name it is; empty where no other has its name."""

    @property
    def name(self) -> str:
        """Which run it is, in tables."""
        return self.called or self.run.path.name

    @property
    def title(self) -> str:
        """Which run it is, for captions."""
        if isinstance(self.run, Unstored):
            return f"{self.name} in memory"
        return f"run {self.name} of {self.run.study}"

    @cached_property
    def weights(self) -> Network | NamedWeights:
        """The trained network or, where a file held none, its weights, all finite.

        Raises:
            ConfigError: If the run kept none, or one with other weights.
        """
        kept = self.run.network
        if kept is None:
            raise ConfigError(no_network(self.name, self.run.status, self.run.error))
        return self._rebuilt(kept)

    @cached_property
    def network(self) -> Network:
        """The trained network, all its weights finite.

        Raises:
            ConfigError: If the run kept none, or weights that are no network.
        """
        return as_network(self.weights)

    def matrices(self) -> dict[str, Float[np.ndarray, "rows columns"]]:
        """Every weight matrix by name, a convolution as fan-in times filters."""
        return {
            name: np.asarray(leaf).reshape(np.prod(leaf.shape[:-1]), leaf.shape[-1])
            for name, leaf in inputs_first(self.weights).items()
            if leaf.ndim >= 2
        }

    def function(self) -> Network:
        """The trained network as a function of each input, whatever the batch.

        Raises:
            ConfigError: If it needs data for that, which the run has not.
        """
        network = self.network
        x = self.data().train.x if depends_on_batch(network) else None
        return at_rest(network, x)

    def neurons(self, moment: int | None = None) -> TwoLayerView:
        """The network of a moment as neurons, skip weights and biases.

        Args:
            moment: A kept moment; `None` for the trained network.

        Raises:
            ConfigError: If it has no such form, or needs data that the run has not.
        """
        network = self.at(moment)
        x = self.data().train.x if depends_on_batch(network) else None
        return two_layer_view(network, x)

    def data(self, dataset: str | None = None) -> TrainTest:
        """The data of the run, or those of a named data set.

        Args:
            dataset: A data set of the catalogue or of one's own, by name or path,
                pixels scaled, flat unless the network takes images, of which the last
                twelfth of the training samples is left out as where one validates;
                `gaussian` for standard normal inputs; `None` for the run's own.

        Raises:
            ConfigError: If the run has none and none is named.
        """
        dataset = None if dataset is None else settled_data(dataset)
        if dataset in (None, self.run.config.get("dataset")):
            return self._data
        dtype = self.network.readout.dtype
        if dataset == GAUSSIAN:
            shape = (N_GAUSSIAN, input_dim(self.network))
            x = normal(purpose_key(0, "gaussian inputs"), shape, dtype)
            return TrainTest(Batch(x, x[:, :0]))
        first = next(iter(inputs_first(self.network).values()))
        data = train_test_of(load_data(dataset), str(dtype), flat=first.ndim == 2)
        return self._fitting(data)

    def samples(self, n: int, dataset: str | None = None) -> Batch:
        """The first n training samples, or all if they are fewer, with their targets.

        Raises:
            ConfigError: If there are none.
        """
        train = self.data(dataset).train
        if not train.y.size:
            raise ConfigError("The inputs have no targets: name a data set that has.")
        return Batch(train.x[:n], train.y[:n])

    def teacher(self) -> Teacher:
        """What was planted.

        Raises:
            ConfigError: If nothing was.
        """
        return self._given(self.contract.teacher, "planted teacher")

    def objective(self) -> Any:
        """What was minimised.

        Raises:
            ConfigError: If nothing is known to have been.
        """
        return self._given(self.contract.objective, "objective")

    def training(self) -> tuple[Training, Plan]:
        """The training of the run, to be done again beside it.

        Raises:
            ConfigError: If there was none.
        """
        return self._given(self.contract.training, "training to be done again")

    def limit(self) -> Sequence[Flow]:
        """Where its features go as the width grows and time scales separate.

        Raises:
            ConfigError: If that is not known.
        """
        return self._given(self.contract.limit, "limit equation")

    @property
    def unit(self) -> str:
        """What counts the moments of a run: `epoch` where its records do, or `step`."""
        return "epoch" if {"epoch", "step"} <= set(self.run.metrics.columns) else "step"

    def moment(self, step: float) -> int:
        """Epochs trained by a step; where no record counts them the step itself."""
        return round(step / self._steps_per_moment)

    @cached_property
    def moments(self) -> dict[int, int]:
        """Steps of the kept networks by moment."""
        return {self.moment(step): step for step in self.run.kept_steps}

    @property
    def last_step(self) -> float | None:
        """Step of the trained network; `None` where records count no steps.

        A network that diverged is that of the record before the last, or the start.
        """
        if "step" not in self.run.metrics.columns:
            return None
        steps = self.run.metrics["step"].cast(float).drop_nulls().drop_nans().to_list()
        last = steps[-1] if steps else None  # An exact readout takes none.
        return [0.0, 0.0, *steps][-2] if self.run.status == "diverged" else last

    def course(self) -> dict[int, int | None]:
        """Moments with a network, in order; `None` is that of the trained one."""
        step = self.last_step
        last = max(self.moments, default=0) if step is None else self.moment(step)
        return {m: m for m in sorted(self.moments) if m < last} | {last: None}

    @cached_property
    def _steps_per_moment(self) -> float:
        if self.unit == "step":
            return 1.0
        # A single record is that of one epoch.
        epochs, at = (self.run.metrics[name].to_list() for name in ("epoch", "step"))
        ahead = [i for i, epoch in enumerate(epochs) if epoch > epochs[0]]
        if not ahead:
            return at[0] or 1.0
        first = ahead[0]
        return (at[first] - at[0]) / (epochs[first] - epochs[0])

    def at(self, moment: int | None) -> Network:
        """The network of a kept moment; `None`, or the last moment, is the trained one.

        Raises:
            StoreError: If it was not kept.
        """
        last = None if moment is None else self.last_step
        if moment is None or (last is not None and moment == self.moment(last)):
            return self.network
        if moment not in self.moments:
            listed = ", ".join(map(str, self.moments)) or "none"
            raise StoreError(
                f"Run {self.run.id} kept no network of {self.unit} {moment}; "
                f"kept: {listed}."
            )
        return self.kept(self.moments[moment])

    def kept(self, step: int) -> Network:
        """The network of a kept step.

        Raises:
            StoreError: If it was not kept.
        """
        return as_network(self._rebuilt(self.run.kept(step)))

    def start(self) -> Network:
        """The network before training; raises StoreError if it was not kept."""
        return self.kept(0)

    @cached_property
    def _data(self) -> TrainTest:
        if self.contract.data is None:
            _ = self.weights  # Without these, data of others are no remedy.
            told = f"The run {self.run.id} names no data set: give `--dataset`"
            if isinstance(self.run, Unstored):
                told = "A network alone has no data: give `data=`, or `dataset=`"
            raise ConfigError(f"{told}, `{GAUSSIAN}` for standard normal inputs.")
        return self._fitting(self._given(self.contract.data, "data"))

    def _fitting(self, data: TrainTest) -> TrainTest:
        """The data, if they are of the network's sizes.

        Raises:
            ConfigError: If they are not.
        """
        x, y = data.train
        found = output_shape(self.network, x[:1])
        wanted = y.shape[1:] if data.n_classes is None else (data.n_classes,)
        if y.size and found[1:] != wanted:
            raise ConfigError(
                f"The network gives outputs of shape {found[1:]}, the data have "
                f"targets of shape {wanted}."
            )
        return data

    def _given(self, give: Callable[[], Found] | None, what: str) -> Found:
        if give is None:
            stored = isinstance(self.run, StoredRun)
            kind = "run of this kind" if stored else "network alone"
            raise ConfigError(f"A {kind} has no {what}.")
        # What is drawn in float64 needs JAX's flag; float32 may be drawn under either.
        wide = self.run.config.get("precision") == "float64"
        with jax.enable_x64(True) if wide else contextlib.nullcontext():
            return give()

    def _rebuilt(self, kept: Kept) -> Network | NamedWeights:
        if isinstance(kept, Network | NamedWeights):
            check_finite(kept)
            return kept
        weights = weights_from_arrays(*kept)
        check_finite(weights, name=f"the network of {self.title}")
        return weights


def settled_data(dataset: str) -> str:
    """What names data to an analysis, told by content where they are one's own.

    Raises:
        ConfigError: If there are no such data.
    """
    return reference(CIFAR.get(dataset, dataset), built_in=(*OFFICIAL, GAUSSIAN))


def networks_of(
    subjects: Sequence[Subject], find: Callable[[Subject], Found]
) -> tuple[list[Subject], list[Found], list[str]]:
    """What is found in every run that has it, those runs, and a note of each other.

    Raises:
        ConfigError: If there is no such run.
    """
    kept, found, notes = [], [], []
    for subject in subjects:
        try:
            found.append(find(subject))
            kept.append(subject)
        except ConfigError as error:
            if len(subjects) == 1:
                raise
            notes.append(f"Left out is {subject.title}: {error}")
    if not kept:
        raise ConfigError(f"None of the {len(subjects)} runs can be used. {notes[0]}")
    return kept, found, notes


def titles(subjects: Sequence[Subject]) -> str:
    """Which runs a figure is of, for its caption."""
    return ", ".join(subject.title for subject in subjects)


def nearest_note(what: str, asked: Sequence[float], kept: Sequence[float]) -> list[str]:
    """Which moments of a run were asked for and are not stored, in a sentence."""
    listed = ", ".join(str(moment) for moment in asked if moment not in kept)
    told = f"The run kept no network of the {what} {listed}: the nearest are shown."
    return [told] if listed else []


def input_dim(network: Network) -> int:
    """Number of inputs of a network of vectors.

    Raises:
        ConfigError: If it takes images.
    """
    first = next(iter(inputs_first(network).values()))
    if first.ndim != 2:
        raise ConfigError(
            f"A {type(network).__name__} takes images; give a data set that holds them."
        )
    # Of these the last input is a constant that the network gives itself.
    return first.shape[0] - isinstance(network, Biased)
