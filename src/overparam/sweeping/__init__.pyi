from .clusters import cluster_workers as cluster_workers
from .jobs import Job as Job
from .plan import plan_from_toml as plan_from_toml
from .run import sweep as sweep
from .workers import local_workers as local_workers
