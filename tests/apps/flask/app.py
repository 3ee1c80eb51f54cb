# SPDX-License-Identifier: MIT
from flask import Flask, render_template_string, request

app = Flask(__name__)


@app.get("/")
def index():
    return render_template_string("{{ word }} from flask at {{ url }}", word=request.args.get("word"), url=request.url)
