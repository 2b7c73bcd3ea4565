import pytest
from tests.engine.lanes import lanes


@pytest.fixture
def engine():
    with lanes() as opened:
        yield opened
