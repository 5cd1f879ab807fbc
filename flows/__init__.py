"""One flow a deployment: composition of the stages in `tasks/`, nothing else."""
