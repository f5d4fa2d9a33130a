"""Journeys: every sequence of challenges that Cognito may issue to an app's users, as tests for the app.

@pytest.mark.parametrize("journey", journeys(settings), ids=str)
def test_my_app(journey):
    stage = journey.begin()  # a local pool with the journey's user
    app = MyApp(stage.client(), stage.pool.client_id)
    while (next_input := stage.next_input()) is not None:
        app.submit(next_input)
    stage.check()

Public: the names in `__all__`. Private: everything else in the modules of this folder.
"""

from authfsm.journeys.journey import Journey, Journeys, NoPaths, OmittedPath, TooManyPaths, journeys
from authfsm.journeys.plan import BetweenSteps, NextInput, NoProgress, NothingSent, Person, Plan, UnexpectedPath
from authfsm.journeys.stage import Stage

__all__ = [
    "BetweenSteps", "Journey", "Journeys", "NextInput", "NoPaths", "NoProgress", "NothingSent",
    "OmittedPath", "Person", "Plan", "Stage", "TooManyPaths", "UnexpectedPath", "journeys",
]  # fmt: skip
