"""The API of a local pool: its operations, the gate, the boto3 hook and the pool itself."""
