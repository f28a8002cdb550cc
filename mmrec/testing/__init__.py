"""A test kit for models and loaders, those of mmrec and of others.

The test of a model is a class of a few lines, which pytest runs::

    from mmrec.testing import ModelTests


    class TestMyModel(ModelTests):
        model = MyModel
        config = {"factors": 8}

:class:`LoaderTests` does the same for a loader of side information, and :func:`tiny_dataset` is
data for other tests. pytest itself is not imported here.
"""

from mmrec.testing.data import tiny_dataset
from mmrec.testing.loaders import LoaderTests
from mmrec.testing.models import ModelTests

__all__ = ["LoaderTests", "ModelTests", "tiny_dataset"]
