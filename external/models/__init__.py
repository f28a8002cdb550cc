"""The models that an experiment file may call ``external.NAME`` when it points here.

    external_models_path: ../external/models/__init__.py

A model is added by adding its file to this folder; see README.md. The built-in models are found
under ``external.NAME`` too, so experiment files written for Elliot run unchanged.
"""
