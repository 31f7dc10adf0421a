from .heavy_tailed import HeavyTailNoise as HeavyTailNoise
from .heavy_tailed import add_noise as add_noise
from .heavy_tailed import heavy_tail_noise as heavy_tail_noise
from .stable import isotropic_factor as isotropic_factor
from .stable import isotropic_stable as isotropic_stable
from .stable import positive_stable as positive_stable
from .stable import symmetric_stable as symmetric_stable
