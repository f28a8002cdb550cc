"""Writing a run for other tools: a table of curves, TensorBoard, MLflow, W&B."""
