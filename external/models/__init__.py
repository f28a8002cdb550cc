"""The models an experiment file may call ``external.NAME`` when it points here.

    external_models_path: ../external/models/__init__.py

mmrec's own models are among them, so that files written for Elliot run unchanged. Add yours with
one import line; see README.md beside this file.
"""

from mmrec.models import LATTICE, LightGCNM

from .feature_mf import FeatureMF

__all__ = ["LATTICE", "FeatureMF", "LightGCNM"]
