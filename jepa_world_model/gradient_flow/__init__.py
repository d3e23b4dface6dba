"""The world model as a target of the gradient audit, and what that audit measured.

The one part of the package that knows `audits`.
"""
