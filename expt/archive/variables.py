"""The variables of the environment that an archive tells of."""

from __future__ import annotations

import os
import re
from typing import Final

_VARIABLES: Final = re.compile(
    r"(CUDA_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|CUBLAS_WORKSPACE_CONFIG|NVIDIA_VISIBLE_DEVICES"
    r"|(HIP|ROCR)_VISIBLE_DEVICES|XLA_FLAGS|XLA_PYTHON_CLIENT_\w+|JAX_PLATFORMS|JAX_ENABLE_X64"
    r"|TF_DETERMINISTIC_OPS|TF_CPP_MIN_LOG_LEVEL|PYTORCH_CUDA_ALLOC_CONF"
    r"|(OMP|MKL|OPENBLAS|NUMEXPR|VECLIB_MAXIMUM|NUMBA)_NUM_THREADS|OMP_PROC_BIND|KMP_AFFINITY"
    r"|PYTHONHASHSEED|PYTHONPATH|PYTHONOPTIMIZE|VIRTUAL_ENV|CONDA_DEFAULT_ENV|CONDA_PREFIX"
    r"|MPLBACKEND|LANG|LC_ALL|TZ|SLURM_(JOB_ID|JOB_NAME|ARRAY_JOB_ID|ARRAY_TASK_ID|PROCID|NODELIST"
    r"|NTASKS|CPUS_PER_TASK|GPUS_ON_NODE))"
)


def take_variables() -> dict[str, str]:
    """Those of this process that are on the list, by name."""
    return {name: value for name, value in sorted(os.environ.items()) if _VARIABLES.fullmatch(name)}
