"""Balance a pole with deep Q-learning: gymnasium and PyTorch alone, with a replay memory and a target network."""

import random
from collections import deque

import gymnasium as gym
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class QNetwork(nn.Module):
    def __init__(self, observations: int, actions: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Linear(observations, 32), nn.ReLU())
        self.value = nn.Linear(32, 1)
        self.advantage = nn.Linear(32, actions)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.features(x)
        advantage = self.advantage(features)
        return self.value(features) + advantage - advantage.mean(dim=1, keepdim=True)


def main(steps: int = 200, batch_size: int = 32, gamma: float = 0.99, tau: float = 0.01) -> None:
    env = gym.make("CartPole-v1")
    q_network, target_network = QNetwork(4, 2), QNetwork(4, 2)
    target_network.load_state_dict(q_network.state_dict())
    optimizer = torch.optim.Adam(q_network.parameters(), lr=1e-3)
    memory: deque = deque(maxlen=1000)
    observation, _ = env.reset(seed=0)
    for _ in range(steps):
        action = env.action_space.sample()
        after, reward, terminated, truncated, _ = env.step(action)
        memory.append((observation, action, reward, after, terminated))
        observation = env.reset()[0] if terminated or truncated else after
        if len(memory) < batch_size:
            continue
        columns = zip(*random.sample(memory, batch_size), strict=True)
        x, a, r, x_next, done = (torch.as_tensor(np.array(column)) for column in columns)
        with torch.no_grad():
            target = r + gamma * target_network(x_next).max(dim=1).values * ~done
        td_loss = F.smooth_l1_loss(q_network(x).gather(1, a[:, None]).squeeze(1), target.float())
        optimizer.zero_grad()
        td_loss.backward()
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(target_network.parameters(), q_network.parameters(), strict=True):
                slow.lerp_(fast, tau)


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    main()
