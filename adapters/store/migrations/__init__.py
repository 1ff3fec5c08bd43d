"""The schema's history, run by Alembic. Owns: env.py and the revisions. Imports: nothing. Effects: none."""
