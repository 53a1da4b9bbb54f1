"""Which operations of AWS Batch there are here: all that botocore knows, and no other."""

import pytest

from jobs.api.batch import operations
from jobs.api.service_models import service_model

# A new one in a newer botocore is to be looked at, not to be missed.
COUNT = 48


def test_every_operation_of_the_service_is_answered() -> None:
    assert set(operations()) == set(service_model("batch").operation_names)
    assert len(operations()) == COUNT


@pytest.mark.parametrize("name", sorted(operations()))
def test_each_says_what_it_does_and_in_whole_sentences_how_it_differs(name: str) -> None:
    operation = operations()[name]
    assert operation.run.__doc__
    assert not operation.differs or operation.differs.endswith(".")
