"""The agents' door: `ibgw-mcp` speaks the Model Context Protocol. It can stage and stop, never approve or send."""
