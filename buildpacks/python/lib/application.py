# SPDX-License-Identifier: MIT
"""Where an app's web application is, for the server that starts it:

  application.py FOLDER KIND...

prints "KIND MODULE:NAME" for the first of those kinds, asgi (FastAPI, Starlette) and wsgi (Flask), with
"()" at the end when NAME is a function that makes it; nothing when there is none. The code is read and
not run."""

import ast
import pathlib
import sys

wanted = sys.argv[2:]
KINDS = {name: kind for name, kind in (("FastAPI", "asgi"), ("Starlette", "asgi"), ("Flask", "wsgi")) if kind in wanted}
FACTORIES = ("create_app", "make_app")
FILES_MAX, SIZE_MAX = 500, 1 << 20

app = pathlib.Path(sys.argv[1])


def called(node):
    """The name that a call calls: FastAPI of FastAPI(...) and of fastapi.FastAPI(...)."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "id", getattr(function, "attr", None))


def statements(body):
    """Those of a module, also the ones below if and try."""
    for node in body:
        yield node
        for part in ("body", "orelse", "handlers", "finalbody"):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from statements(getattr(node, part, []))


def made_in(function):
    """The kind of application that a function makes: of the first one that it calls."""
    return next((KINDS[name] for name in map(called, ast.walk(function)) if name in KINDS), None)


def callable_bare(function):
    given = function.args
    return len(given.posonlyargs + given.args) == len(given.defaults) and None not in given.kw_defaults


def find(tree):
    """(KIND, NAME) of an application in a module, one that is there before a function that makes one."""
    factories, found = {}, []
    for node in statements(tree.body):
        if isinstance(node, ast.FunctionDef) and made_in(node):
            factories[node.name] = (made_in(node), callable_bare(node))
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        name = called(getattr(node, "value", None))
        kind = KINDS.get(name) or factories.get(name, (None,))[0]
        if not kind and name in FACTORIES:  # of another module
            kind = wanted[0]
        if kind and isinstance(targets[0], ast.Name):
            found.append((kind, targets[0].id))
    if found:
        return min(found, key=lambda f: f[1] not in ("app", "application"))
    for name, (kind, bare) in factories.items():
        if name in FACTORIES and bare:
            return kind, f"{name}()"
    return None


def module_of(path):
    """Its name from the folders that are looked in: that of the app, and src when it is no package."""
    parts = path.relative_to(app).with_suffix("").parts
    if parts[0] == "src" and len(parts) > 1 and not (app / "src/__init__.py").exists():
        parts = parts[1:]
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def candidates():
    """The app's files: those at the top first, and of each folder those with the usual names."""
    names = ["main", "app", "wsgi", "asgi", "server", "api", "__init__"]
    files = [f for pattern in ("*.py", "*/*.py", "src/*/*.py") for f in app.glob(pattern)
             if f.is_file() and not any(part.startswith(".") for part in f.relative_to(app).parts)]

    def order(path):
        usual = names.index(path.stem) if path.stem in names else len(names)
        parts = path.relative_to(app).parts
        return len(parts) - (parts[0] == "src"), usual, parts

    return sorted(set(files), key=order)[:FILES_MAX]


def main():
    for path in candidates():
        module = module_of(path)
        if not module or path.stat().st_size > SIZE_MAX:
            continue
        try:
            found = find(ast.parse(path.read_bytes()))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if found:
            print(found[0], f"{module}:{found[1]}")
            return


main()
