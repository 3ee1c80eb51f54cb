# SPDX-License-Identifier: MIT
from fastapi import FastAPI, Request

app = FastAPI()


@app.get("/items/{item}")
def items(item: int, request: Request):
    return {"item": item, "client": request.client.host, "url": str(request.url)}
