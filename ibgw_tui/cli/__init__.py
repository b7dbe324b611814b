"""The door for scripts and people: `ibgw`. It translates and prints; every decision is made inside."""
