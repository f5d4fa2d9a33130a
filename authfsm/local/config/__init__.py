"""What a local pool is set up with: settings, app clients, contradictions, error texts, request members."""
