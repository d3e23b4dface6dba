"""Soft actor critic: an agent class with networks of its own, a learned temperature, targets by moving average."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F


class Actor(nn.Module):
    def __init__(self, obs, act):
        super().__init__()
        self.fc1 = nn.Linear(obs, 16)
        self.fc2 = nn.Linear(16, 16)
        self.fc_mean = nn.Linear(16, act)
        self.fc_logstd = nn.Linear(16, act)

    def forward(self, x):
        x = F.relu(self.fc2(F.relu(self.fc1(x))))
        return self.fc_mean(x), self.fc_logstd(x).clamp(-5, 2)

    def get_action(self, x):
        mean, log_std = self(x)
        normal = torch.distributions.Normal(mean, log_std.exp())
        x_t = normal.rsample()
        action = torch.tanh(x_t)
        log_prob = normal.log_prob(x_t) - torch.log(1 - action.pow(2) + 1e-6)
        return action, log_prob.sum(1, keepdim=True)


class Critic(nn.Module):
    def __init__(self, obs, act):
        super().__init__()
        self.fc1 = nn.Linear(obs + act, 16)
        self.fc2 = nn.Linear(16, 1)

    def forward(self, x, a):
        return self.fc2(F.relu(self.fc1(torch.cat([x, a], 1))))


class SACAgent:
    def __init__(self, obs, act, tau=0.005, gamma=0.99):
        self.tau, self.gamma = tau, gamma
        self.actor = Actor(obs, act)
        self.qf1, self.qf2 = Critic(obs, act), Critic(obs, act)
        self.qf1_target, self.qf2_target = copy.deepcopy(self.qf1), copy.deepcopy(self.qf2)
        for p in list(self.qf1_target.parameters()) + list(self.qf2_target.parameters()):
            p.requires_grad = False
        self.log_alpha = torch.zeros(1, requires_grad=True)
        self.target_entropy = -act
        self.q_optimizer = torch.optim.Adam(list(self.qf1.parameters()) + list(self.qf2.parameters()), lr=1e-3)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=3e-4)
        self.a_optimizer = torch.optim.Adam([self.log_alpha], lr=1e-3)

    def update(self, obs, act, rew, next_obs, done):
        alpha = self.log_alpha.exp().item()
        with torch.no_grad():
            next_act, next_logp = self.actor.get_action(next_obs)
            target = torch.min(self.qf1_target(next_obs, next_act), self.qf2_target(next_obs, next_act))
            next_q = rew + (1 - done) * self.gamma * (target - alpha * next_logp)
        qf1_loss = F.mse_loss(self.qf1(obs, act), next_q)
        qf2_loss = F.mse_loss(self.qf2(obs, act), next_q)
        qf_loss = qf1_loss + qf2_loss
        self.q_optimizer.zero_grad()
        qf_loss.backward()
        self.q_optimizer.step()

        pi, logp = self.actor.get_action(obs)
        min_q = torch.min(self.qf1(obs, pi), self.qf2(obs, pi))
        actor_loss = (alpha * logp - min_q).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()

        with torch.no_grad():
            _, logp = self.actor.get_action(obs)
        alpha_loss = (-self.log_alpha.exp() * (logp + self.target_entropy)).mean()
        self.a_optimizer.zero_grad()
        alpha_loss.backward()
        self.a_optimizer.step()
        for p, pt in zip(self.qf1.parameters(), self.qf1_target.parameters()):
            pt.data.copy_(self.tau * p.data + (1 - self.tau) * pt.data)
        for p, pt in zip(self.qf2.parameters(), self.qf2_target.parameters()):
            pt.data.copy_(self.tau * p.data + (1 - self.tau) * pt.data)
        return {"qf": qf_loss.item(), "actor": actor_loss.item(), "alpha": alpha_loss.item()}


def main():
    torch.manual_seed(0)
    agent = SACAgent(5, 2)
    for step in range(10):
        batch = torch.randn(8, 5), torch.rand(8, 2) * 2 - 1, torch.randn(8, 1), torch.randn(8, 5), torch.zeros(8, 1)
        print(step, agent.update(*batch))


if __name__ == "__main__":
    main()
