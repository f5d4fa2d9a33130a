"""An example: a small web site with pages for every challenge that Cognito knows."""
