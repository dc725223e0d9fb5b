"""A NIR graph run in another framework, through that framework's own importer.

>>> from neurodeploy.frameworks.run import FRAMEWORKS
>>> FRAMEWORKS
('snntorch', 'norse', 'spikingjelly', 'nirtorch')
"""

from neurodeploy.frameworks.run.run import FrameworkRun, run_graph
from neurodeploy.installed import FRAMEWORKS, installed

__all__ = ["FRAMEWORKS", "FrameworkRun", "installed", "run_graph"]
