"""Journeys: every way in which Cognito may challenge an app's users, each ready to be tried on an embedded pool.

@pytest.mark.parametrize("journey", journeys(settings), ids=str)
def test_my_app(journey):
    stage = journey.begin()
    app = MyApp(stage.client(), stage.pool.client_id)
    while (cue := stage.cue()) is not None:
        app.give(cue)
    stage.check()
"""

from authfsm.journeys.inputs import NextInput
from authfsm.journeys.journey import Journey, Journeys, LeftOut, TooMany, journeys
from authfsm.journeys.person import BetweenSteps, Person, Plan
from authfsm.journeys.stage import NoProgress, NothingSent, Stage, UnexpectedPath

__all__ = [
    "BetweenSteps",
    "Journey",
    "Journeys",
    "LeftOut",
    "NextInput",
    "NoProgress",
    "NothingSent",
    "Person",
    "Plan",
    "Stage",
    "TooMany",
    "UnexpectedPath",
    "journeys",
]
