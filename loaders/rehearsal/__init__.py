"""The rehearsal org and the synthetic twin: everything a team needs to practise a migration without touching an org."""
