#!/bin/sh
# A nightly plan from cron, over the command line. Safe to run twice: each line has its own idempotency key.
#
#   30 14 * * 1-5  desk  /path/to/examples/cron_rebalance.sh /path/to/plan.csv
#
# Exit codes are those of `ibgw --help`: 4 is a limit or the budget, 7 the store; only 0 means that all is staged.
set -eu
plan=$1
key="rebalance-$(date -u +%Y-%m-%d)"
export IBGW_AGENT="${IBGW_AGENT:-rebalancer}"

# Before anything is staged: is the kill switch open, and does somebody route?
ibgw status --json --quiet > /dev/null

# The same file staged again is replayed line by line: nothing is staged twice.
ibgw stage --csv "$plan" --account DU1234567 --key "$key" --json

# What is left of the limits goes to the log.
ibgw limits --account DU1234567 --quiet
