"""The API of a local pool: the table of its operations, their HTTP form, the boto3 hook, and `LocalPool`.

Private, but for what `authfsm.local` exports.
"""
