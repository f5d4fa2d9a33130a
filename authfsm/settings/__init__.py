"""Public: which transitions are impossible with the settings of a user pool and its app client, and why.

Settings only remove transitions, and only those that are impossible for every user. Each removed transition has a
reason: the field of AWS's description, and its value. Only the names in `__all__` are public; all modules are private.
"""

from authfsm.settings.reach import ChangedTransition, Difference, PoolSettings, difference
from authfsm.settings.sign_in_settings import SignInSettings

__all__ = ["ChangedTransition", "Difference", "PoolSettings", "SignInSettings", "difference"]
