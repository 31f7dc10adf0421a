from .convex import ConvexReLUClassifier as ConvexReLUClassifier
from .convex import ConvexReLURegressor as ConvexReLURegressor
from .random_features import RandomFeaturesClassifier as RandomFeaturesClassifier
from .random_features import RandomFeaturesRegressor as RandomFeaturesRegressor
from .tangent_kernel import TangentKernel as TangentKernel
from .tangent_kernel import TangentKernelRidge as TangentKernelRidge
from .variable_projection import VarProRegressor as VarProRegressor
