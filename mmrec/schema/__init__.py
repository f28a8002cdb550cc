"""The JSON Schema of the experiment file, for editors: made from the code that reads the file."""

from mmrec.schema.experiment import experiment_schema, schema_text

__all__ = ["experiment_schema", "schema_text"]
