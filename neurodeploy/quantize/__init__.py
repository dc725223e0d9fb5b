"""Precision: which integers a network's numbers become, post-training and in fine-tuning."""
