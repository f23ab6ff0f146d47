"""One operation of dulwich, the Git implementation in pure Python.

The only argument is a JSON object: {"operation": "clone", "path": ..., ...}. The result is printed
as JSON; a refused push or a failed transfer ends with exit code 1 and the client's own words.
"""

import inspect
import io
import json
import os
import sys

try:
    from dulwich import porcelain
    from dulwich.client import get_transport_and_path
    from dulwich.repo import Repo
except ImportError as error:
    sys.exit(f"Install dulwich for {sys.executable} (Debian: python3-dulwich): {error}")

WHO = b"Dul Wich <dulwich@example.com>"


# Since 1.0.
KNOWS_SHA256 = "object_format" in inspect.signature(Repo.init).parameters


def formats():
    return ["sha1", "sha256"] if KNOWS_SHA256 else ["sha1"]


def clone(path, url, depth=None, objectFormat="sha1"):
    if not porcelain.ls_remote(url):
        # Its clone needs a branch, so that an empty repository is met as a new remote.
        options = {} if objectFormat == "sha1" else {"object_format": objectFormat}
        Repo.init(path, mkdir=True, **options).close()
        porcelain.remote_add(path, "origin", url)
        return
    porcelain.clone(url, path, depth=depth, errstream=io.BytesIO()).close()


def fetch(path, depth=None):
    if depth is None:
        porcelain.fetch(path, "origin", errstream=io.BytesIO())
        return
    with Repo(path) as repo:
        _, url = porcelain.get_remote_repo(repo, "origin")
        # Only its porcelain looks at the variable.
        ssh = {"ssh_command": os.environ["GIT_SSH_COMMAND"]} if url.startswith("ssh:") else {}
        config = repo.get_config_stack()
        client, remote_path = get_transport_and_path(url, config=config, **ssh)
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


OPERATIONS = {
    "formats": formats,
    "clone": clone,
    "fetch": fetch,
    "commit": commit,
    "tag": tag,
    "push": push,
}

request = json.loads(sys.argv[1])
print(json.dumps(OPERATIONS[request.pop("operation")](**request)))
