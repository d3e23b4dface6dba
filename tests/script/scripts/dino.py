"""Student and teacher with a loss module that keeps a centre; the sum over views is made in a loop."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Backbone(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.stem = nn.Linear(12, width)
        self.block = nn.Sequential(nn.GELU(), nn.Linear(width, width))

    def forward(self, x):
        return self.block(self.stem(x))


class DINOHead(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU())
        self.last_layer = nn.utils.parametrizations.weight_norm(nn.Linear(width, out, bias=False))

    def forward(self, x):
        return self.last_layer(F.normalize(self.mlp(x), dim=-1))


class MultiCropWrapper(nn.Module):
    def __init__(self, backbone, head):
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, crops):
        return self.head(torch.cat([self.backbone(crop) for crop in crops]))


class DINOLoss(nn.Module):
    def __init__(self, out_dim, ncrops):
        super().__init__()
        self.ncrops = ncrops
        self.register_buffer("center", torch.zeros(1, out_dim))

    def forward(self, student_output, teacher_output):
        student_out = (student_output / 0.1).chunk(self.ncrops)
        teacher_out = F.softmax((teacher_output - self.center) / 0.04, dim=-1).detach().chunk(2)
        total_loss, n_loss_terms = 0, 0
        for iq, q in enumerate(teacher_out):
            for v in range(len(student_out)):
                if v == iq:
                    continue
                loss = torch.sum(-q * F.log_softmax(student_out[v], dim=-1), dim=-1)
                total_loss += loss.mean()
                n_loss_terms += 1
        total_loss /= n_loss_terms
        self.update_center(teacher_output)
        return total_loss

    @torch.no_grad()
    def update_center(self, teacher_output):
        self.center = self.center * 0.9 + teacher_output.mean(0, keepdim=True) * 0.1


def train_one_epoch(student, teacher, dino_loss, loader, optimizer, momentum):
    for it, images in enumerate(loader):
        teacher_output = teacher(images[:2])
        student_output = student(images)
        loss = dino_loss(student_output, teacher_output)
        if not math.isfinite(loss.item()):
            raise SystemExit(1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for q, k in zip(student.parameters(), teacher.parameters()):
                k.data.mul_(momentum).add_((1 - momentum) * q.detach().data)


def train_dino():
    torch.manual_seed(0)
    student = MultiCropWrapper(Backbone(8), DINOHead(8, 10))
    teacher = MultiCropWrapper(Backbone(8), DINOHead(8, 10))
    teacher.load_state_dict(student.state_dict())
    for p in teacher.parameters():
        p.requires_grad = False
    dino_loss = DINOLoss(10, ncrops=4)
    loader = [[torch.randn(6, 12) for _ in range(4)] for _ in range(3)]
    optimizer = torch.optim.AdamW(student.parameters())
    for _ in range(2):
        train_one_epoch(student, teacher, dino_loss, loader, optimizer, 0.996)


if __name__ == "__main__":
    train_dino()
