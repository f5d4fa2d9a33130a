"""Django: users sign in through Cognito; their groups there decide what they may do here, in the admin too.

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

    urlpatterns = [
        path("account/", include("authfsm.contrib.django.urls")),
        path("admin/login/", sign_in),  # authfsm.contrib.django.views
        path("admin/", admin.site.urls),
    ]

`conf` lists all settings. Templates in `authfsm/` of your own replace those of this app.
"""
