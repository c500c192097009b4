"""The jobs: one package per stage. A job's name is its module and function below this package."""
