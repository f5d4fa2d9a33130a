"""The URLs of the views."""

from django.urls import path

from authfsm.contrib.django import views

app_name = "authfsm"

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("challenge/", views.challenge, name="challenge"),
    path("forgot-password/", views.forgot_password, name="forgot_password"),
    path("passkeys/", views.passkeys, name="passkeys"),
    path("sign-out/", views.sign_out, name="sign_out"),
]
