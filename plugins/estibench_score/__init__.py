"""Score matching: gradients of objectives, fits, and score estimates without training."""
