"""The API of a local pool: its table of operations, their HTTP encoding, the hook that answers boto3, and `LocalPool`.

Private, except what `authfsm.local` exports.
"""
