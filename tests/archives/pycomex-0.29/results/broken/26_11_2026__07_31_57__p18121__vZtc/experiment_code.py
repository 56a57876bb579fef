from pycomex.functional.experiment import Experiment
from pycomex.utils import file_namespace, folder_path

DEPTH = 1
__NOTIFY__ = False


@Experiment(base_path=folder_path(__file__), namespace=file_namespace(__file__), glob=globals())
def experiment(e):
    e.track("x", 1)
    raise ValueError("no luck")


experiment.run_if_main()
