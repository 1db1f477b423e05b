"""Deleting an assertion of a check turns a test red: shown for some here; `tests/mutations.py` goes through all."""

import mutations
import pytest

FOUND = [mutation for path in mutations.FILES for mutation in mutations.mutations(path)]
SHOWN = FOUND[:: len(FOUND) // 7]


def test_nothing_is_red_without_a_mutation():
    assert not mutations.is_noticed(None)


@pytest.mark.parametrize("mutation", SHOWN, ids=str)
def test_a_deleted_assertion_is_noticed(mutation):
    assert mutations.is_noticed(mutation)


def test_assertions_of_every_kind_and_file_are_found():
    assert {mutation.file for mutation in FOUND} == {path.stem for path in mutations.FILES}
    kinds = {mutation.what.split("(")[0].split(".")[-1].split()[0] for mutation in FOUND}
    assert {"mistake", "return"} <= kinds
    assert any(mutation.what.startswith("([") for mutation in FOUND)  # a row of a table of cases
    assert len({(mutation.file, mutation.first) for mutation in FOUND}) == len(FOUND) > 200
