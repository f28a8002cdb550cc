"""Test kits for models, loaders, samplers and metrics, those of mmrec and of others.

The test of a model is a class of a few lines, which pytest runs::

    from mmrec.testing import ModelTests


    class TestMyModel(ModelTests):
        model = MyModel
        config = {"factors": 8}

:class:`LoaderTests`, :class:`SamplerTests` and :class:`MetricTests` do the same for a loader of
side information, a sampler and a metric, and :func:`tiny_dataset` is data for other tests. pytest
itself is not imported here.
"""

from mmrec.testing.data import tiny_dataset
from mmrec.testing.loaders import LoaderTests
from mmrec.testing.metrics import MetricTests
from mmrec.testing.models import ModelTests
from mmrec.testing.samplers import SamplerTests

__all__ = ["LoaderTests", "MetricTests", "ModelTests", "SamplerTests", "tiny_dataset"]
