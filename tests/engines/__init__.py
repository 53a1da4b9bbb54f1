import pytest

pytest.register_assert_rewrite(
    "tests.engines.contract", "tests.engines.contract_of_groups", "tests.engines.basis"
)
