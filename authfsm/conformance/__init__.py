"""A conformance suite for whatever speaks Cognito's protocol: rules, run at any endpoint through boto3.

`book` has the rules, a `PoolProvider` the pools they are seen in, `running` runs them, `table` tells what was seen.
"""

from __future__ import annotations
