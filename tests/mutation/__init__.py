"""Mutation testing of the decision core: small faults, one at a time, and whether a test of `tests/core` sees each.

    .venv/bin/python -m tests.mutation                      everything (about half an hour on two cores)
    .venv/bin/python -m tests.mutation --module own_limits  one module
    .venv/bin/python -m tests.mutation --sample 300         so many, drawn with --seed

An own small runner, because half of what decides here are tables at module level, which tools that change
only bodies of functions leave alone, and because a process for each fault would take hours. The results of
the newest full run, with a reason for each survivor, are in docs/mutation.md.
"""
