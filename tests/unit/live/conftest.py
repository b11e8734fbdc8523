"""A machine whose networks are made up."""

import pytest

from ssd_live.remote import loader
from tests.unit.live.made_up import Machine, Network


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(
        loader, "InferenceProcess", lambda model_request, users: Network(made, model_request)
    )
    return made
