/**
 * Which cases show each capability of docs/protocol.md: that it works, and that it is refused,
 * absent or harmless where it has to be. A test holds this list and the document together.
 *
 * @module
 */

/**
 * Cases as `file: title`. A file without a folder is in `tests/conformance/`; `…` stands for what is
 * filled into a title.
 */
export interface CapabilityCases {
  readonly works: readonly string[];
  readonly refused: readonly string[];
}

const DISCOVERY: Readonly<Record<string, CapabilityCases>> = {
  "advertisement, peeled tags, symref of HEAD": {
    works: [
      "discovery_test.ts: ls-remote lists what was pushed, version …",
      "discovery_test.ts: ls-remote shows what tags point at, version …",
      "discovery_test.ts: ls-remote --symref tells HEAD's branch, version …",
    ],
    refused: [
      "discovery_test.ts: an unknown repository is told as such, version …",
      "discovery_test.ts: HEAD whose branch was never pushed is not listed",
    ],
  },
  "`ls-refs`: prefixes, `peel`, `symrefs`, `unborn`": {
    works: [
      "discovery_test.ts: reference prefixes narrow the listing in version 2",
      "discovery_test.ts: an unborn HEAD names its branch in version 2",
    ],
    refused: [
      "discovery_test.ts: a pattern that matches nothing lists nothing",
      "upload_requests_test.ts: an argument that was not offered is refused",
    ],
  },
  "`object-format` (sha1, sha256)": {
    works: ["discovery_test.ts: the object format is advertised"],
    refused: [
      "upload_requests_test.ts: a request in the other object format is refused",
      "receive_requests_test.ts: a command in the other object format is refused",
    ],
  },
  "`agent`, `session-id`": {
    works: [
      "discovery_test.ts: a session id is advertised and taken",
      "discovery_test.ts: session ids differ from session to session",
    ],
    refused: ["upload_requests_test.ts: a capability that was not offered is refused"],
  },
  "`server-option` (taken, without effect)": {
    works: [
      "discovery_test.ts: server options are taken in version 2",
      "upload_requests_test.ts: server options come with every command",
    ],
    refused: ["discovery_test.ts: server options need version 2"],
  },
};

const FETCHES: Readonly<Record<string, CapabilityCases>> = {
  "`multi_ack`, `multi_ack_detailed`, `no-done`": {
    works: [
      "upload_requests_test.ts: multi_ack acknowledges each common commit",
      "fetch_test.ts: both sides went on for long, version …",
    ],
    refused: [
      "upload_requests_test.ts: a client that shares nothing is told NAK",
      "fetch_test.ts: histories without a common commit, version …",
    ],
  },
  "negotiation, `wait-for-done`": {
    works: [
      "fetch_test.ts: --negotiate-only tells what is common (wait-for-done)",
      "upload_requests_test.ts: wait-for-done ends in a pack once the client is done",
    ],
    refused: [
      "fetch_test.ts: --negotiate-only names nothing that the server lacks",
      "upload_requests_test.ts: a common commit that is enough is told as ready, unless the client waits for done",
    ],
  },
  "`side-band`, `side-band-64k`, `no-progress`": {
    works: [
      "pack_content_test.ts: side-band and side-band-64k carry the same pack",
      "pack_content_test.ts: progress is told unless the client wants none",
    ],
    refused: [
      "pack_content_test.ts: a client without side bands gets the bare pack",
      "pack_content_test.ts: no packet of the old side-band is longer than 1000 bytes",
    ],
  },
  "`sideband-all`": {
    works: [
      "wants_test.ts: sideband-all frames every section",
      "wants_test.ts: sideband-all with negotiation and depth",
    ],
    refused: ["upload_requests_test.ts: nothing is framed that the client did not ask to be"],
  },
  "keep-alive every 5 s while the server works": {
    works: [
      "time_test.ts: a fetch is kept alive while its pack is made",
      "time_test.ts: a push is kept alive while it is taken in, and git understands",
      "frontend/session/upload_pack_session_test.ts: UploadPackSession.respond() keeps the connection alive while a pack is made",
      "frontend/session/live_task_test.ts: liveTask() keeps a silent connection alive",
    ],
    refused: [
      "time_test.ts: a client without side bands gets nothing but its pack",
      "time_test.ts: a push without side bands gets nothing but its report",
      "pack_content_test.ts: a quick answer carries no keep-alive",
    ],
  },
  "`ofs-delta`, `thin-pack`": {
    works: ["fetch_test.ts: deltas against what the client has come thin"],
    refused: [
      "pack_content_test.ts: thin-pack leaves bases out, without it a pack stands alone",
      "pack_content_test.ts: offset deltas come only to clients that know them",
    ],
  },
  "`include-tag`": {
    works: ["fetch_test.ts: an annotated tag follows what it points at (include-tag)"],
    refused: [
      "pack_content_test.ts: include-tag brings the tag of what is sent, without it none comes",
      "fetch_test.ts: a tag of other history does not follow",
    ],
  },
  "`shallow`: `deepen`, `deepen-since`, `deepen-not`, `deepen-relative`, unshallow": {
    works: [
      "shallow_test.ts: a depth cuts where git cuts, version …",
      "shallow_test.ts: --shallow-since cuts where git cuts, version …",
      "shallow_test.ts: --shallow-exclude cuts where git cuts, version …",
      "shallow_test.ts: --deepen goes on from the own boundary, version …",
      "shallow_test.ts: --unshallow brings the rest, version …",
    ],
    refused: [
      "shallow_test.ts: a time that excludes everything is refused",
      "shallow_test.ts: an unknown name can not be excluded",
      "shallow_test.ts: a depth beyond the history is no boundary",
    ],
  },
  "filters `blob:none`, `blob:limit`, `tree:N`, `object:type`, `sparse:oid`, `combine`": {
    works: [
      "filter_test.ts: a clone with … holds what git sends",
      "filter_test.ts: sparse patterns of a blob choose blobs",
    ],
    refused: [
      "filter_test.ts: an unknown sparse blob is refused",
      "filter_test.ts: sparse:path is not taken",
      "filter_test.ts: an unknown filter is refused",
    ],
  },
  "`sparse:oid` by name: `main:path`, `HEAD:path`, `<id>:path`, a tag of a blob": {
    works: ["sparse_name_test.ts: … names the patterns"],
    refused: [
      "sparse_name_test.ts: names that mean nothing are refused",
      "sparse_name_test.ts: a hidden reference names nothing",
    ],
  },
  "lazy fetches of single objects, in batches": {
    works: [
      "filter_test.ts: a checkout fetches its blobs in one batch",
      "filter_test.ts: missing trees are fetched when they are looked at",
    ],
    refused: ["filter_test.ts: an object that nobody has can not be fetched lazily"],
  },
  "wants of anything that references reach, now or recently; all else refused": {
    works: [
      "wants_test.ts: a reachable commit can be asked for by id, version …",
      "wants_test.ts: a tree and a blob can be asked for by id",
      "wants_test.ts: what a branch recently held is still served",
    ],
    refused: [
      "wants_test.ts: an id that is nowhere is refused, version …",
      "wants_test.ts: what only another repository has is refused",
      "time_test.ts: what a branch held until recently is served, and refused when the grace is over",
      "time_test.ts: a deleted branch has the same grace",
    ],
  },
  "`ref-in-want`": {
    works: [
      "wants_test.ts: fetches by name use ref-in-want",
      "wants_test.ts: ref-in-want with a depth",
    ],
    refused: [
      "upload_requests_test.ts: a name that is not there is not known to ref-in-want",
      "hidden_references_test.ts: ref-in-want does not know a hidden name",
    ],
  },
  "`object-info` (size)": {
    works: ["upload_requests_test.ts: sizes are told"],
    refused: [
      "upload_requests_test.ts: an unknown object has no size",
      "upload_requests_test.ts: an object that no reference reaches has no size",
      "upload_requests_test.ts: a malformed id is refused",
    ],
  },
  "archives by address (`/archive/<what>.<format>`)": {
    works: [
      "tests/archive_download_test.ts: an archive by address is git's, for every kind of name",
    ],
    refused: [
      "tests/archive_download_test.ts: addresses of archives that lead nowhere say so, whatever they hold",
    ],
  },
  "`git archive --remote`": {
    works: ["tests/archive_test.ts: archives in tar are git's own, byte for byte"],
    refused: ["tests/archive_test.ts: archives are refused in git's words"],
  },
  "`bundle-uri`: addresses that the owner lists": {
    works: ["bundle_uri_test.ts: listed bundles are offered, with what is known of them"],
    refused: [
      "bundle_uri_test.ts: nothing is offered by default",
      "upload_requests_test.ts: packfile-uris and bundle-uri are not taken where they were not offered",
    ],
  },
  "`bundle-uri`: a bundle of the default branch, served at need": {
    works: ["bundle_uri_test.ts: the server's own bundle holds the default branch"],
    refused: [
      "bundle_uri_test.ts: bundles are made of visible commits only, and only where they are offered",
    ],
  },
  "`packfile-uris`: packs elsewhere that hold a listed commit whole": {
    works: ["packfile_uris_test.ts: a clone fetches the offered pack and gets the rest"],
    refused: [
      "packfile_uris_test.ts: nothing is offered by default",
      "packfile_uris_test.ts: a pack that is not what was promised fails the clone",
    ],
  },
};

const PUSHES: Readonly<Record<string, CapabilityCases>> = {
  "`report-status`, `report-status-v2`": {
    works: [
      "push_test.ts: report-status-v2 is spoken",
      "receive_requests_test.ts: a report comes in the band that was asked for",
      "receive_requests_test.ts: report-status-v2 says the same of plain updates",
    ],
    refused: ["receive_requests_test.ts: who asks for no report gets none, and the push counts"],
  },
  "`side-band-64k`, `quiet`, progress": {
    works: ["receive_requests_test.ts: a report comes in the band that was asked for"],
    refused: [
      "receive_requests_test.ts: quiet leaves progress out",
      "push_test.ts: a quiet push is quiet",
    ],
  },
  "create, move, force, `delete-refs`": {
    works: [
      "push_test.ts: a branch is made, moved and deleted",
      "receive_requests_test.ts: deletions need no pack",
    ],
    refused: [
      "push_test.ts: deleting what is not there fails",
      "receive_requests_test.ts: a stale old value is refused",
      "receive_requests_test.ts: a tip that is in no pack is refused",
    ],
  },
  "`atomic`": {
    works: ["push_test.ts: --atomic makes all"],
    refused: [
      "push_test.ts: --atomic makes none when the server refuses one",
      "receive_requests_test.ts: atomic with a stale command changes nothing, without it the rest counts",
    ],
  },
  "`ofs-delta`, thin packs": {
    works: ["push_test.ts: a thin push builds on what the server has"],
    refused: [
      "tests/bad_input_test.ts: a missing delta base",
      "tests/bad_input_test.ts: an offset delta before the pack",
    ],
  },
  "push from a shallow clone": {
    works: ["shallow_test.ts: a new commit is pushed from a shallow clone"],
    refused: [
      "shallow_test.ts: a shallow history is not taken by a repository that lacks the rest",
    ],
  },
  "`push-options` (recorded with the push)": {
    works: [
      "push_test.ts: push options are taken",
      "tests/provenance_test.ts: the log keeps the options of a push, over both transports and object formats",
    ],
    refused: [
      "receive_requests_test.ts: options that were not agreed on are not read as such",
      "receive_requests_test.ts: a thousand options are taken, more are not",
      "tests/provenance_test.ts: the log keeps nothing of a push that changed nothing",
    ],
  },
  "`push-cert` with nonce": {
    works: [
      "signed_push_test.ts: a signed push is taken",
      "tests/provenance_test.ts: the log keeps the certificate of a signed push as its client signed it",
    ],
    refused: [
      "signed_push_test.ts: a certificate with a nonce of nobody's is refused",
      "signed_push_test.ts: a signed push that breaks a rule is refused like any other",
    ],
  },
  "object checks by git's message ids": {
    works: ["objects_test.ts: a commit with … is taken"],
    refused: [
      "objects_test.ts: a commit with … is refused",
      "objects_test.ts: a tree with … is refused",
      "objects_test.ts: a .gitmodules with a dangerous URL is refused",
    ],
  },
  "collision of ids": {
    works: ["receive_requests_test.ts: an object that is there already may come again"],
    refused: [
      "frontend/ingest/bad_pack_test.ts: PackIngest.ingest() refuses another object under a known id",
    ],
  },
};

const SETTINGS: Readonly<Record<string, CapabilityCases>> = {
  "`denyNonFastForwards`": {
    works: ["settings_test.ts: denyNonFastForwards lets branches move on"],
    refused: [
      "settings_test.ts: denyNonFastForwards keeps branches from moving back, and tags not",
      "settings_test.ts: denyNonFastForwards fails an atomic push as a whole",
    ],
  },
  "`denyDeletes`": {
    works: ["settings_test.ts: a rule that is taken back holds nobody"],
    refused: ["settings_test.ts: denyDeletes keeps branches, and tags not"],
  },
  '`denyDeleteCurrent`: true, false, `"warn"`': {
    works: [
      "settings_test.ts: denyDeleteCurrent set to warn lets the current branch go and says so",
      "settings_test.ts: denyDeleteCurrent set to false says nothing",
    ],
    refused: [
      "settings_test.ts: denyDeleteCurrent keeps the current branch",
      "settings_test.ts: denyDeleteCurrent follows HEAD",
      "push_test.ts: the current branch is not deleted",
    ],
  },
  "hidden references": {
    works: [
      "hidden_references_test.ts: ls-remote shows what is not hidden, version …",
      "hidden_references_test.ts: what is shown again is fetched",
      "hidden_references_test.ts: allowHiddenWants serves it, as long as it is set",
    ],
    refused: [
      "hidden_references_test.ts: a hidden name is not fetched, version …",
      "hidden_references_test.ts: a push to a hidden name is refused, and others count",
      "hidden_references_test.ts: what only hidden references reach is refused by id",
    ],
  },
  "object checks changed by id": {
    works: [
      "settings_test.ts: a check that is ignored lets the object in",
      "settings_test.ts: a check that only warns lets the object in",
    ],
    refused: [
      "settings_test.ts: another check still holds",
      "settings_test.ts: a check that is off by default can be an error",
    ],
  },
  "largest object and largest push": {
    works: [
      "settings_test.ts: an object of just the limit is taken",
      "settings_test.ts: a push within the limit is taken",
    ],
    refused: [
      "settings_test.ts: an object above the limit is refused in words",
      "settings_test.ts: an object that grows above the limit by a delta is refused",
      "settings_test.ts: a push above the limit is refused, and leaves nothing",
    ],
  },
};

const TRANSPORTS: Readonly<Record<string, CapabilityCases>> = {
  "gzip and chunked request bodies": {
    works: [
      "http_test.ts: a fetch may be compressed, chunked or both",
      "http_test.ts: a push may be compressed",
      "http_test.ts: git's own chunked push is taken",
    ],
    refused: [
      "http_test.ts: what claims to be compressed and is not is refused",
      "http_test.ts: a compressed body that stops in the middle is refused",
      "http_test.ts: an unknown encoding is refused",
    ],
  },
  "`Expect: 100-continue`": {
    works: [
      "http_test.ts: a client that expects 100-continue is told to go on",
      "http_test.ts: git's own expectation is met",
    ],
    refused: ["http_test.ts: a client that expects 100-continue is refused without its body"],
  },
  "negotiations with more than 1 MB of haves": {
    works: ["http_test.ts: more than a megabyte of haves is weighed"],
    refused: ["http_test.ts: one malformed have among many refuses the request"],
  },
  "`HEAD`; wrong methods and content types": {
    works: ["http_test.ts: HEAD is answered like GET, without a body"],
    refused: [
      "http_test.ts: wrong methods are told which are right",
      "http_test.ts: a body of another type is refused",
    ],
  },
  "an answer to the dumb protocol and to unknown services": {
    works: ["http_test.ts: content types are git's own"],
    refused: [
      "http_test.ts: a client of the dumb protocol is told what is spoken",
      "http_test.ts: an unknown service is refused by name",
    ],
  },
  "cache headers": {
    works: ["http_test.ts: answers are never cached, errors neither"],
    refused: ["http_test.ts: answers are never cached, errors neither"],
  },
  "`Accept-Language`, unknown versions": {
    works: ["http_test.ts: a language is harmless"],
    refused: ["http_test.ts: a version that is not known falls back to one that is"],
  },
  "`/owner/name` like `/owner/name.git`": {
    works: ["discovery_test.ts: the path works without .git as well"],
    refused: ["tests/bad_input_test.ts: hostile paths"],
  },
  "403 for pushes to a server that takes none": {
    works: [
      "tests/process_test.ts: a read-only server serves clones and refuses pushes with a reason",
    ],
    refused: [
      "tests/process_test.ts: a read-only server serves clones and refuses pushes with a reason",
    ],
  },
  "401 with `WWW-Authenticate`": {
    works: [
      "tests/access/git_access_test.ts: git clones, pushes and is refused as the matrix says, over HTTP",
    ],
    refused: [
      "tests/access/git_access_test.ts: what is hidden is answered as what is not there: bytes, headers, time",
    ],
  },
  "SSH: `git-upload-pack`, `git-receive-pack`, `GIT_PROTOCOL`": {
    works: ["tests/ssh_test.ts: SSH serves push, clone and fetch in protocol version …"],
    refused: [
      "tests/ssh_test.ts: SSH refuses everything but git's services, in words and with an exit code",
    ],
  },
  "SSH: exit codes of git's own services": {
    works: [
      "tests/ssh_exit_test.ts: a conversation over SSH exits with the code of git's own service",
    ],
    refused: [
      "frontend/ssh/ssh_server_test.ts: serveSsh() tells a failure in words and by the exit code",
    ],
  },
  "SSH: logins by ed25519, ecdsa and rsa-sha2 keys": {
    works: ["tests/ssh_test.ts: SSH lets in a client with a key of type … …"],
    refused: [
      "tests/ssh_test.ts: SSH refuses logins without a sound key",
      "tests/ssh_test.ts: SSH lets in only the keys of authorized_keys once there is such a file",
    ],
  },
  "SSH: host keys that stay": {
    works: ["tests/ssh_test.ts: SSH keeps its host keys over restarts"],
    refused: ["frontend/ssh/host_keys_test.ts: openHostKeys() refuses a key that others may read"],
  },
  "SSH: limits of connections, sessions and idle time, keep-alives": {
    works: ["tests/ssh_test.ts: SSH takes many clients at once"],
    refused: [
      "frontend/ssh/ssh_server_test.ts: serveSsh() refuses more connections than its limit",
      "frontend/ssh/ssh_server_test.ts: serveSsh() bounds the sessions of a connection",
      "frontend/ssh/ssh_server_test.ts: serveSsh() ends a connection on which nothing moves",
      "frontend/ssh/ssh_server_test.ts: serveSsh() asks a silent client whether it lives, and cuts a dead one",
    ],
  },
  "SSH: back-pressure": {
    works: [
      "frontend/ssh/ssh_server_test.ts: serveSsh() loses nothing when client and server agree on new keys",
    ],
    refused: [
      "frontend/ssh/ssh_server_test.ts: serveSsh() makes no more for a client that does not read",
      "frontend/ssh/ssh_server_test.ts: serveSsh() takes no more from a client than its session reads",
    ],
  },
};

/** Cases by the first column of the document's tables. */
export const CAPABILITY_CASES: Readonly<Record<string, CapabilityCases>> = {
  ...DISCOVERY,
  ...FETCHES,
  ...PUSHES,
  ...SETTINGS,
  ...TRANSPORTS,
};
