"""The mathematics: the ten blocks, a denoiser, what a model is made of, losses and the optimizer."""
