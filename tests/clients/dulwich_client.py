"""One operation of dulwich, the Git implementation in pure Python.

The only argument is a JSON object: {"operation": "clone", "path": ..., ...}. The result is printed
as JSON; a refused push or a failed transfer ends with exit code 1 and the client's own words.
"""

import io
import json
import sys

try:
    from dulwich import porcelain
    from dulwich.client import get_transport_and_path
    from dulwich.repo import Repo
except ImportError as error:
    sys.exit(f"Install dulwich for {sys.executable} (Debian: python3-dulwich): {error}")

WHO = b"Dul Wich <dulwich@example.com>"


def clone(path, url, depth=None):
    if not porcelain.ls_remote(url):
        # Its clone needs a branch, so that an empty repository is met as a new remote.
        Repo.init(path, mkdir=True).close()
        porcelain.remote_add(path, "origin", url)
        return
    porcelain.clone(url, path, depth=depth, errstream=io.BytesIO()).close()


def fetch(path, depth=None):
    if depth is None:
        porcelain.fetch(path, "origin", errstream=io.BytesIO())
        return
    with Repo(path) as repo:
        _, url = porcelain.get_remote_repo(repo, "origin")
        client, remote_path = get_transport_and_path(url, config=repo.get_config_stack())
        # Left to itself it measures how deep tags are, and fails on a tag of a tag.
        client.fetch(remote_path, repo, determine_wants=branches, depth=depth)


def branches(refs, depth=None):
    return [oid for name, oid in refs.items() if name.startswith(b"refs/heads/")]


def commit(path, file, content):
    with open(f"{path}/{file}", "w", encoding="utf-8") as target:
        target.write(content)
    porcelain.add(path, paths=[f"{path}/{file}"])
    message = b"write " + file.encode() + b"\n"
    return porcelain.commit(path, message=message, committer=WHO, author=WHO).decode()


def tag(path, name):
    porcelain.tag_create(path, name.encode(), author=WHO, message=b"a tag\n", annotated=True)


def push(path, source, target, force=False):
    told = io.BytesIO()
    refspec = f"{source or ''}:{target}"
    porcelain.push(path, "origin", [refspec], outstream=told, errstream=told, force=force)
    # A reference that the server refused is only told of.
    if b" failed: " in told.getvalue():
        sys.exit(told.getvalue().decode())


OPERATIONS = {"clone": clone, "fetch": fetch, "commit": commit, "tag": tag, "push": push}

request = json.loads(sys.argv[1])
print(json.dumps(OPERATIONS[request.pop("operation")](**request)))
