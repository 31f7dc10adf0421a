"""BibTeX of the sources, by key."""

from collections.abc import Mapping
from types import MappingProxyType


CITATIONS: Mapping[str, str] = MappingProxyType(
    {
        "overparam": """@software{overparam,
  title = {overparam: a workbench for over-parameterised neural networks},
  author = {{The overparam developers}},
  version = {0.1.0},
  year = {2026},
}""",
        "livni2014": """@inproceedings{livni2014,
  title = {On the Computational Efficiency of Training Neural Networks},
  author = {Livni, Roi and Shalev-Shwartz, Shai and Shamir, Ohad},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {27},
  year = {2014},
  eprint = {1410.1141},
  archiveprefix = {arXiv},
}""",
        "fang2019": """@misc{fang2019,
  title = {Over Parameterized Two-level Neural Networks Can Learn Near Optimal
           Feature Representations},
  author = {Fang, Cong and Dong, Hanze and Zhang, Tong},
  year = {2019},
  eprint = {1910.11508},
  archiveprefix = {arXiv},
}""",
        "wan2024": """@inproceedings{wan2024,
  title = {Implicit Compressibility of Overparametrized Neural Networks Trained with
           Heavy-Tailed {SGD}},
  author = {Wan, Yijun and Barsbey, Melih and Zaidi, Abdellatif and
            {\\c{S}}im{\\c{s}}ekli, Umut},
  booktitle = {International Conference on Machine Learning},
  year = {2024},
  eprint = {2306.08125},
  archiveprefix = {arXiv},
}""",
        "barboni2025": """@misc{barboni2025,
  title = {Ultra-fast feature learning for the training of two-layer neural networks
           in the two-timescale regime},
  author = {Barboni, Rapha{\\"e}l and Peyr{\\'e}, Gabriel and
            Vialard, Fran{\\c{c}}ois-Xavier},
  year = {2025},
  eprint = {2504.18208},
  archiveprefix = {arXiv},
}""",
        "wang2022": """@article{wang2022,
  title = {Overparameterized {ReLU} Neural Networks Learn the Simplest Model: Neural
           Isometry and Phase Transitions},
  author = {Wang, Yifei and Hua, Yixuan and Cand{\\`e}s, Emmanuel and Pilanci, Mert},
  journal = {IEEE Transactions on Information Theory},
  volume = {71},
  number = {3},
  pages = {1926--1977},
  year = {2025},
  eprint = {2209.15265},
  archiveprefix = {arXiv},
}""",
        "chizat2019": """@inproceedings{chizat2019,
  title = {On Lazy Training in Differentiable Programming},
  author = {Chizat, L{\\'e}na{\\"\\i}c and Oyallon, Edouard and Bach, Francis},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {32},
  year = {2019},
  eprint = {1812.07956},
  archiveprefix = {arXiv},
}""",
    }
)


def citations(key: str) -> list[str]:
    """What is cited by a key, or by BibTeX itself; nothing by nothing."""
    return [CITATIONS.get(key, key)] if key else []
