"""Crashes, races, and everything in any order: that nothing is lost and nothing happens twice.

    test_crash.py    processes killed at every statement and at any moment (long form: `python -m tests.crash`)
    test_races.py    many processes that want the same thing at once (long form: IBGW_RACES=long)
    test_machine.py  all acts in any order against a small model (long form: IBGW_MACHINE=2000)

`desk.py` is the only file here that knows the signatures of the service.
"""
