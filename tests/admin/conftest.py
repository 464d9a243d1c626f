"""Operators at a deployment."""

import pytest
from given.console import Console
from given.deployment import Deployment


@pytest.fixture
def console(deployment: Deployment) -> Console:
    return Console(deployment.environment | {"LOCKGATE_ACTOR": "ann"})
