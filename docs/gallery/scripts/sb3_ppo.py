"""Balance a pole with PPO, as the first page of the documentation of Stable-Baselines3 does."""

from stable_baselines3 import PPO

model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, batch_size=32, n_epochs=2, verbose=0, seed=0)
model.learn(total_timesteps=256)
