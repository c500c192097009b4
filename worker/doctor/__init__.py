"""The doctor: finds faults of the fleet and its surroundings, and repairs what is safe to repair.

Each module of checks ends with its table of them, and `worker.doctor.examination` runs them all.
"""
