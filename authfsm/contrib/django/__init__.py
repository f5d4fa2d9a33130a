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

| key | meaning |
|---|---|
| POOL_ID, CLIENT_ID | the user pool and its app client |
| CLIENT_SECRET | the app client's secret, if it has one |
| ORIGIN | the site's origin, such as `https://example.com` |
| NAME | the site's name in authenticator apps and in the names of devices; by default "Example" |
| FLOWS | the AuthFlows with which a browser may begin; by default USER_SRP_AUTH and USER_AUTH |
| USERNAME_CLAIM | the claim of the access token that becomes the name of the Django user (its USERNAME_FIELD); by default `sub`, which Cognito never assigns to another user |
| STAFF_GROUPS, SUPERUSER_GROUPS | the Cognito groups whose members are staff or superusers; by default none |
| SITE | the dotted path of a function that returns an `authfsm.contrib.web_sign_in.WebSignIn`; it replaces all settings except USERNAME_CLAIM and those of groups |

The cookies are sealed with keys derived from SECRET_KEY and SECRET_KEY_FALLBACKS. To use a local Cognito, set the
environment variable AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER to the URL of `authfsm serve`.

The URLs are `authfsm:sign_in`, `challenge`, `forgot_password`, `passkeys` and `sign_out`, which takes a POST with
`{% csrf_token %}`. Your own templates `authfsm/base.html`, `sign_in.html`, `challenge.html`, `passkeys.html` and
`denied.html` replace those of this app. All get `site_name`, `error` (a sentence, or None) and `next`. `sign_in.html`
also gets `username`, `flows` and `denied_user` (the name of a signed-in user whom another page sent here, perhaps for
lack of permissions). `challenge.html` gets the values of `BrowserSession.describe` (`form`, `step`, and `enrolment`
with a QR code). `passkeys.html` gets those of `BrowserSession.passkeys` (`known` and `options`), except after an error.

The first sign-in of a Cognito user creates the Django user, named by the claim USERNAME_CLAIM (`sub` by default). If a
Django user of that name has a password, the sign-in is denied, because it would take over that user's account. To
allow it, call `set_unusable_password()` on that user first. To keep signing in with Django passwords, add
`django.contrib.auth.backends.ModelBackend` to AUTHENTICATION_BACKENDS, and leave out the line for `admin/login/`.
At each sign-in, and when a refreshed token has other groups, the user's Django groups are replaced by those with the
names of the Cognito groups; a group that Django does not have is ignored.
`request.cognito.signed_in().signed_in()` returns the tokens.
"""
