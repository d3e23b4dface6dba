"""Swing up a pendulum with SAC from Stable-Baselines3."""

import gymnasium as gym
from stable_baselines3 import SAC

env = gym.make("Pendulum-v1")
model = SAC("MlpPolicy", env, learning_starts=64, batch_size=32, policy_kwargs={"net_arch": [32, 32]}, seed=0)
model.learn(total_timesteps=100)
