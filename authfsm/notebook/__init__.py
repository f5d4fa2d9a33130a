"""Step through a sign-in in Jupyter."""
