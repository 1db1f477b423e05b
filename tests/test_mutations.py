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
    for kind in ("return Diagnosis.", ".mistake(", "(["):  # the last is a row of a table of cases
        assert any(kind in mutation.what for mutation in FOUND)
    assert len({(mutation.file, mutation.first) for mutation in FOUND}) == len(FOUND) > 200
