"""`plm-admin`: parse, call, print. Everything heavy is imported inside the commands."""
