"""What a local pool keeps: users, sessions, codes, token families and the rules that change them."""
