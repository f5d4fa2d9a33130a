"""How the local pool decides each step of a sign-in: proofs, factors, choices, devices, triggers."""
