"""Django: users sign in through Cognito, and their Cognito groups give permissions, in the admin too.

    INSTALLED_APPS += ["authfsm.contrib.django"]
    MIDDLEWARE += ["authfsm.contrib.django.middleware.CognitoMiddleware"]  # below AuthenticationMiddleware
    AUTHENTICATION_BACKENDS = ["authfsm.contrib.django.backends.CognitoBackend"]
    LOGIN_URL = "authfsm:sign_in"
    AUTHFSM = {
        "POOL_ID": "eu-west-1_AbCdEfGhI",
        "CLIENT_ID": "1example23456789",
        "ORIGIN": "https://example.com",
        "STAFF_GROUPS": ["staff"],
        "SUPERUSER_GROUPS": ["admins"],
    }

    from authfsm.contrib.django.views import sign_in

    urlpatterns = [
        path("account/", include("authfsm.contrib.django.urls")),
        path("admin/login/", sign_in),
        path("admin/", admin.site.urls),
    ]

`authfsm.contrib.django.conf` lists all settings. Your own templates in `authfsm/` replace those of this app.

The first sign-in of a Cognito user creates the Django user, named by the claim USERNAME_CLAIM (`sub` by default). A
Django user of that name who has a password is not taken over: that sign-in is denied; call `set_unusable_password()`
on it first. To keep signing in with Django passwords, add `django.contrib.auth.backends.ModelBackend` to
AUTHENTICATION_BACKENDS, and leave out the line for `admin/login/`. At each sign-in the user's Django groups are
replaced by those with the names of the Cognito groups; a group that Django does not have is ignored.
`request.cognito.signed_in().signed_in()` returns the tokens.
"""
