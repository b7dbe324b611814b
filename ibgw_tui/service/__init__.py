"""ACTS. Roles over one store: what each principal can do is what its role has methods for."""
