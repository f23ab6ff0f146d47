"""One operation of libgit2, by its Python binding pygit2.

The only argument is a JSON object: {"operation": "clone", "path": ..., ...}. The result is printed
as JSON; a refused push or a failed transfer ends with exit code 1 and the library's own words.
"""

import json
import os
import sys

try:
    import pygit2
except ImportError as error:
    sys.exit(f"Install pygit2 for {sys.executable} (Debian: python3-pygit2): {error}")

WHO = pygit2.Signature("Lib Git", "libgit2@example.com", 1700000000, 60)


class Callbacks(pygit2.RemoteCallbacks):
    """Logs in with the key of the environment and makes refusals errors."""

    def credentials(self, url, username_from_url, allowed_types):
        key = os.environ["SSH_KEY"]
        return pygit2.Keypair(username_from_url, f"{key}.pub", key, "")

    def certificate_check(self, certificate, valid, host):
        return True

    def push_update_reference(self, refname, message):
        if message is not None:
            raise pygit2.GitError(f"{refname}: {message}")


def formats():
    # As it is built by everybody.
    return ["sha1"]


def clone(path, url, objectFormat):
    pygit2.clone_repository(url, path, callbacks=Callbacks())


def fetch(path):
    pygit2.Repository(path).remotes["origin"].fetch(callbacks=Callbacks())


def commit(path, file, content):
    with open(f"{path}/{file}", "w", encoding="utf-8") as target:
        target.write(content)
    repo = pygit2.Repository(path)
    repo.index.add(file)
    repo.index.write()
    parents = [] if repo.head_is_unborn else [repo.head.target]
    tree = repo.index.write_tree()
    return str(repo.create_commit("HEAD", WHO, WHO, f"write {file}\n", tree, parents))


def tag(path, name):
    repo = pygit2.Repository(path)
    commit = repo[repo.head.target]
    repo.create_tag(name, commit.id, commit.type, WHO, "a tag\n")


def push(path, source, target, force=False):
    refspec = f"{'+' if force else ''}{source or ''}:{target}"
    pygit2.Repository(path).remotes["origin"].push([refspec], callbacks=Callbacks())


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
