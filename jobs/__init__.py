"""What is done: one room per stage. A job's name is its module and function below this package."""
