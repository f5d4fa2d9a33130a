__all__: list[str]  # noqa: PYI035 - the names of this file

from authfsm.settings.reach import ChangedTransition as ChangedTransition
from authfsm.settings.reach import Difference as Difference
from authfsm.settings.reach import PoolSettings as PoolSettings
from authfsm.settings.reach import difference as difference
from authfsm.settings.sign_in_settings import SignInSettings as SignInSettings
