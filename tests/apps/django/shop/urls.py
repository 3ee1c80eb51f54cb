# SPDX-License-Identifier: MIT
from django.contrib import admin
from django.urls import path

from catalog import views

urlpatterns = [
    path("", views.index),
    path("admin/", admin.site.urls),
]
