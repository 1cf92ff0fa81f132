"""A simulated street with ground truth: traffic, picture, and what really happened."""
