"""Private: the records of a local pool (users, sessions, codes, tokens) and the rules that change them."""
