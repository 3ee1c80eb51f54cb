# SPDX-License-Identifier: MIT
import os

from django.shortcuts import render


def index(request):
    return render(request, "catalog/index.html", {"workers": os.environ["WEB_CONCURRENCY"]})
