"""What the fleet writes outside its data folder when asked: files that are ours, and exports."""
